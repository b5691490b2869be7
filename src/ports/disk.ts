// Files, as a log needs them: positional writes that are complete or fail, an explicit sync, and
// directory entries that are durable only once their directory was synced. A Disk is rooted in one
// directory; paths are relative, use '/', and never begin with '/' or contain '..'.
//
// Failures are OperatingErrors: `absent` (no such path), `full` (ENOSPC, EDQUOT), `corrupt` (EIO of
// a read: these bytes are lost for now, and only they), `broken` (any other EIO, a failed sync, a
// short write that cannot go on), `refused` (permissions, already exists, locked).

/** How a file is opened. */
export interface OpenOptions {
  /**
   * `read`: must exist. `write`: must exist, read and write. `create`: must not exist, read and
   * write.
   */
  readonly mode: 'read' | 'write' | 'create'
  /**
   * Bypass the page cache where the file system can. Then positions, lengths and buffers passed to
   * `writeBehind` and `read` must be multiples of `DIRECT_ALIGNMENT`, and buffers must come from
   * `pageAlignedMemory`. A file system that cannot is used buffered; `DiskFile.direct` tells.
   */
  readonly direct?: boolean
}

/** What direct I/O asks of positions, lengths and memory addresses, in bytes. */
export const DIRECT_ALIGNMENT = 4096

/** Memory whose first byte lies on a page boundary: `size` bytes, a multiple of 64 KiB. */
export const pageAlignedMemory = (size: number): Uint8Array =>
  new Uint8Array(new WebAssembly.Memory({ initial: size / 65536, maximum: size / 65536 }).buffer)

const SLAB_BYTES = 1 << 20
let slab: Uint8Array = new Uint8Array(0)

/**
 * Page-aligned memory of zeros for one short use: `size` bytes, a multiple of 4 KiB. Small pieces
 * are cut from one slab after the other, because each aligned allocation costs a tenth of a
 * millisecond; a slab is freed once the last piece of it is forgotten.
 */
export function pageAlignedPiece(size: number): Uint8Array {
  if (size > SLAB_BYTES / 4) {
    return pageAlignedMemory(Math.ceil(size / 65536) * 65536).subarray(0, size)
  }
  if (size > slab.length) slab = pageAlignedMemory(SLAB_BYTES)
  const piece = slab.subarray(0, size)
  slab = slab.subarray(size)
  return piece
}

/** One open file. Closing it while an operation runs is a bug. */
export interface DiskFile {
  readonly path: string
  /** True when the page cache is bypassed and alignment is required. */
  readonly direct: boolean
  /**
   * Writes all the parts one after the other from position `at` before it returns (loops over
   * short writes). The bytes are then in the OS, not on the device. Not for direct files.
   */
  writeNow(at: number, parts: readonly Uint8Array[]): void
  /**
   * Writes all of `bytes` at `at` on another thread. The bytes must not change until it settles.
   */
  writeBehind(at: number, bytes: Uint8Array): Promise<void>
  /**
   * Writes all of `bytes` at `at` and makes them durable, and nothing else of the file: what else
   * was written and not synced stays so. Not for direct files. A failure is that of a sync.
   */
  writeThrough(at: number, bytes: Uint8Array): Promise<void>
  /**
   * Reads up to `into.length` bytes from `at`; fewer only at the end of the file. Returns how many.
   */
  read(at: number, into: Uint8Array): Promise<number>
  /** Makes every completed write and the file's size durable (fdatasync). */
  sync(): Promise<void>
  /** Sets the file's size; growth reads as zeros. Durable after `sync`. */
  truncate(size: number): Promise<void>
  /** The file's size in bytes. */
  size(): Promise<number>
  /** Closes the file; a second call does nothing. */
  close(): Promise<void>
}

/** One directory tree. */
export interface Disk {
  open(path: string, options: OpenOptions): Promise<DiskFile>
  /** Renames a file over `to` if that exists. Durable after `syncDirectory` of both parents. */
  rename(from: string, to: string): Promise<void>
  /** Removes a file, or a directory with all that is in it. An absent path is no error. */
  remove(path: string): Promise<void>
  /** Makes a directory and its parents; one that exists is no error. */
  makeDirectory(path: string): Promise<void>
  /** Names in a directory, sorted; directories end with '/'. An absent directory lists as empty. */
  list(path: string): Promise<readonly string[]>
  /** Makes a directory's entries durable. */
  syncDirectory(path: string): Promise<void>
  /** Bytes the file system still has for this process. */
  freeBytes(): Promise<number>
  /**
   * Takes an exclusive lock named by `path` that dies with the process; throws `refused` with the
   * holder's pid when another live process has it. Returns the release.
   */
  lock(path: string): Promise<() => Promise<void>>
}
