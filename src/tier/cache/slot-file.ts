// One file of slots of 1 MiB, each of which holds a block. Where the file bypasses the page cache,
// blocks go through a few buffers of aligned memory, which also bounds how many reads run at once.
// Nothing is synced: whoever reads a slot checks what it finds.
import { assert } from '../../base/assert.ts'
import { alignUp } from '../../base/units.ts'
import { Semaphore } from '../../flow/semaphore.ts'
import { DIRECT_ALIGNMENT, pageAlignedMemory } from '../../ports/disk.ts'
import type { Disk, DiskFile } from '../../ports/disk.ts'
import { BLOCK_BYTES_MAX } from './blocks.ts'

/** Reads that run at once on a file that bypasses the page cache, and that wait for it. */
const READS_MAX = 4
const READS_WAITING_MAX = 64

/** An open file of slots. */
export class SlotFile {
  readonly #file: DiskFile
  readonly #reads = new Semaphore({ unitsMax: READS_MAX, waitersMax: READS_WAITING_MAX })
  /** Aligned memory for reads, made when first needed; as much as there may be reads. */
  readonly #readBuffers: Uint8Array[] = []
  #writeBuffer: Uint8Array | null = null
  #running = 0
  #whenQuiet: (() => void) | null = null

  private constructor(file: DiskFile) {
    this.#file = file
  }

  /**
   * Opens the file, or makes it, and cuts what it has beyond `slotsMax`. Returns it with the
   * number of slots that it has room for already.
   */
  static async open(
    disk: Disk,
    path: string,
    slotsMax: number,
  ): Promise<{ readonly file: SlotFile; readonly slots: number }> {
    const directory = path.slice(0, path.lastIndexOf('/'))
    await disk.makeDirectory(directory)
    const there = (await disk.list(directory)).includes(path.slice(directory.length + 1))
    const file = await disk.open(path, { mode: there ? 'write' : 'create', direct: true })
    try {
      const size = await file.size()
      if (size > slotsMax * BLOCK_BYTES_MAX) await file.truncate(slotsMax * BLOCK_BYTES_MAX)
      // The last block may end before its slot does.
      const slots = Math.min(Math.ceil(size / BLOCK_BYTES_MAX), slotsMax)
      return { file: new SlotFile(file), slots }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Writes a block to a slot. One write at a time. The bytes must not change before it settles. */
  async write(slot: number, bytes: Uint8Array): Promise<void> {
    assert(bytes.length <= BLOCK_BYTES_MAX, 'A block fits into its slot')
    await this.#run(async () => {
      if (!this.#file.direct) {
        await this.#file.writeBehind(slot * BLOCK_BYTES_MAX, bytes)
        return
      }
      this.#writeBuffer ??= pageAlignedMemory(BLOCK_BYTES_MAX)
      const buffer = this.#writeBuffer
      const length = alignUp(bytes.length, DIRECT_ALIGNMENT)
      buffer.set(bytes)
      buffer.fill(0, bytes.length, length)
      await this.#file.writeBehind(slot * BLOCK_BYTES_MAX, buffer.subarray(0, length))
    })
  }

  /**
   * The first `length` bytes of a slot, in memory of their own; fewer if the file ends before.
   * Throws `retry` when too many reads wait.
   */
  read(slot: number, length: number): Promise<Uint8Array> {
    return this.#run(async () => {
      const at = slot * BLOCK_BYTES_MAX
      if (!this.#file.direct) {
        const bytes = new Uint8Array(length)
        return bytes.subarray(0, await this.#file.read(at, bytes))
      }
      return this.#reads.with(1, async () => {
        const buffer = this.#readBuffers.pop() ?? pageAlignedMemory(BLOCK_BYTES_MAX)
        try {
          const into = buffer.subarray(0, alignUp(length, DIRECT_ALIGNMENT))
          const count = await this.#file.read(at, into)
          return Uint8Array.from(into.subarray(0, Math.min(count, length)))
        } finally {
          this.#readBuffers.push(buffer)
        }
      })
    })
  }

  /** Closes the file once nothing runs on it any more. Once. */
  async close(): Promise<void> {
    assert(this.#whenQuiet === null, 'A slot file is closed once')
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#whenQuiet = resolve
      })
    }
    await this.#file.close()
  }

  async #run<T>(operation: () => Promise<T>): Promise<T> {
    this.#running++
    try {
      return await operation()
    } finally {
      this.#running--
      if (this.#running === 0) this.#whenQuiet?.()
    }
  }
}
