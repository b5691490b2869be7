// A directory as a bucket: an object is a file of its own, written beside its place, synced, and
// then linked or renamed there, so that a power cut leaves all of it or nothing. Works between
// processes of one machine, on one file system that has hard links, fcntl locks and inodes.
//
// link(2) creates only if absent. Whatever replaces or removes an object holds a lock meanwhile,
// so that a token that was compared still holds when the new object takes its place. Keys must
// respect files: there is no object `a` while there is one `a/b`, and no segment begins with `~`.
import type { BigIntStats } from 'node:fs'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { OperatingError } from '../../src/base/errors.ts'
import type {
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectBytes,
  ObjectInfo,
  ObjectPage,
  ObjectSource,
  ObjectStore,
  PutCondition,
  PutOptions,
  PutResult,
  StoreCall,
  StoreTraits,
} from '../../src/ports/object-store.ts'
import {
  codeOf,
  orAbsent,
  OWN,
  removeEmpty,
  syncUpwards,
  tokenOf,
  uploadedName,
  uploadName,
  walk,
} from './directory/files.ts'
import { DirectoryLock } from './directory/lock.ts'
import { Calls } from './shared/calls.ts'
import { assertKey, assertListing, cutRange } from './shared/keys.ts'
import { eachPart, sourceOf, SourceError, unwrapSource } from './shared/parts.ts'

const PARTS = { partBytes: 4 << 20, atOnce: 2, partsMax: Infinity }
const LOCK = `${OWN}lock`
const NAME_BYTES_MAX = 200
const MAKE_ATTEMPTS_MAX = 10
const DELETES_AT_ONCE = 16

/** The store in `directory`, which is made if it is absent. Throws `refused` if it cannot be. */
export async function openLocalStore(directory: string): Promise<ObjectStore> {
  const root = path.resolve(directory)
  try {
    const made = await fs.mkdir(root, { recursive: true })
    await syncUpwards(made === undefined ? root : path.dirname(made), root)
    await fs.access(root, fs.constants.R_OK | fs.constants.W_OK)
  } catch (error) {
    throw localError(`open file://${root}`, error)
  }
  return new LocalStore(root)
}

class LocalStore implements ObjectStore {
  readonly traits: StoreTraits
  readonly #root: string
  readonly #lock: DirectoryLock
  readonly #calls = new Calls()

  constructor(root: string) {
    this.#root = root
    this.#lock = new DirectoryLock(path.join(root, LOCK))
    this.traits = {
      kind: 'file',
      url: `file://${root}`,
      createsOnlyIfAbsent: true,
      swapsByToken: true,
      rewriteMs: 0,
    }
  }

  put(key: string, body: Uint8Array | ObjectSource, options: PutOptions = {}): Promise<PutResult> {
    this.#assertKey(key)
    return this.#run('write', key, options, async (signal) => {
      const { condition } = options
      if (condition !== undefined) {
        const early = verdict(await this.#stats(key), condition)
        if (early !== null) return { outcome: early }
      }
      const target = path.join(this.#root, key)
      const upload = await this.#write(target, sourceOf(body), signal)
      try {
        return await this.#publish(upload, target, condition, signal)
      } finally {
        await fs.rm(upload, { force: true })
      }
    })
  }

  get(key: string, options: GetOptions = {}): Promise<ObjectBytes | null> {
    this.#assertKey(key)
    return this.#run('read', key, options, async () => {
      const file = await orAbsent(fs.open(path.join(this.#root, key), 'r'))
      if (file === null) return null
      try {
        const stats = await file.stat({ bigint: true })
        if (!stats.isFile()) return null
        const { from, to } = cutRange(options.range, Number(stats.size))
        const bytes = new Uint8Array(to - from)
        for (let at = 0; at < bytes.length;) {
          const { bytesRead } = await file.read(bytes, at, bytes.length - at, from + at)
          if (bytesRead === 0) throw new OperatingError('corrupt', 'the file ends before its size')
          at += bytesRead
        }
        return { bytes, token: tokenOf(stats) }
      } finally {
        await file.close()
      }
    })
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | null> {
    this.#assertKey(key)
    return this.#run('read', key, call, async () => {
      const stats = await this.#stats(key)
      return stats === null ? null : infoOf(stats)
    })
  }

  list(options: ListOptions): Promise<ObjectPage> {
    assertListing(options)
    const { prefix, cursor, limit } = options
    return this.#run('list', prefix, options, async (signal) => {
      const objects: ListedObject[] = []
      const after = cursor === undefined ? {} : { after: cursor }
      for await (const key of walk(this.#root, { prefix, ...after })) {
        if (signal.aborted) throw signal.reason
        if (objects.length === limit) return { objects, next: objects.at(-1)?.key ?? null }
        const stats = await this.#stats(key)
        if (stats !== null) objects.push({ key, ...infoOf(stats) })
      }
      return { objects, next: null }
    })
  }

  delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    for (const key of keys) this.#assertKey(key)
    return this.#run('delete', '', call, async (signal) => {
      const rest = keys.values()
      const folders = new Set<string>()
      const worker = async (): Promise<void> => {
        for (const key of rest) {
          if (signal.aborted) throw signal.reason
          const target = path.join(this.#root, key)
          if (await unlinkFile(target)) folders.add(path.dirname(target))
        }
      }
      await this.#lock.with(signal, async () => {
        await Promise.all(Array.from({ length: DELETES_AT_ONCE }, worker))
      })
      for (const folder of folders) {
        await orAbsent(syncUpwards(folder, folder))
        await removeEmpty(this.#root, folder)
      }
    })
  }

  dropUploads(prefix: string, beforeMs: number, call?: StoreCall): Promise<number> {
    return this.#run('list', prefix, call, async (signal) => {
      let count = 0
      for await (const found of walk(this.#root, { prefix, own: true })) {
        if (signal.aborted) throw signal.reason
        const name = uploadedName(path.posix.basename(found))
        const key = name === null ? null : path.posix.join(path.posix.dirname(found), name)
        if (key?.startsWith(prefix) !== true) continue
        const file = path.join(this.#root, found)
        const stats = await orAbsent(fs.stat(file))
        if (stats === null || stats.mtimeMs >= beforeMs) continue
        await fs.rm(file, { force: true })
        await removeEmpty(this.#root, path.dirname(file))
        count++
      }
      return count
    })
  }

  async close(): Promise<void> {
    await this.#calls.close()
    this.#lock.close()
  }

  #run<T>(
    action: string,
    key: string,
    call: StoreCall | undefined,
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const doing = `${action} ${this.traits.url}/${key}`
    return this.#calls.run(doing, call, (signal) =>
      task(signal).catch((error: unknown) => {
        throw localError(doing, error)
      }),
    )
  }

  #assertKey(key: string): void {
    assertKey(key)
    for (const segment of key.split('/')) {
      if (segment.startsWith(OWN) || segment.length > NAME_BYTES_MAX) {
        throw new OperatingError(
          'refused',
          `Cannot use key ${key} in ${this.traits.url}: a part between slashes must not begin ` +
            `with ${OWN} or have more than ${NAME_BYTES_MAX} characters; rename it`,
        )
      }
    }
  }

  async #stats(key: string): Promise<BigIntStats | null> {
    const stats = await orAbsent(fs.stat(path.join(this.#root, key), { bigint: true }))
    return stats?.isFile() === true ? stats : null
  }

  /** Writes an upload's file beside `target` and makes its bytes durable; returns its path. */
  async #write(target: string, source: ObjectSource, signal: AbortSignal): Promise<string> {
    const upload = path.join(path.dirname(target), uploadName(path.basename(target)))
    const file = await openMaking(upload)
    try {
      await eachPart(source, PARTS, signal, async ({ from, bytes }) => {
        for (let at = 0; at < bytes.length;) {
          const { bytesWritten } = await file.write(bytes, at, bytes.length - at, from + at)
          at += bytesWritten
        }
      })
      // A time that no other write has, even of the same file number within one tick of the clock.
      const now = (Date.now() + Math.random()) / 1000
      await file.utimes(now, now)
      await file.sync()
      return upload
    } catch (error) {
      await fs.rm(upload, { force: true })
      await removeEmpty(this.#root, path.dirname(upload))
      throw error
    } finally {
      await file.close()
    }
  }

  async #publish(
    upload: string,
    target: string,
    condition: PutCondition | undefined,
    signal: AbortSignal,
  ): Promise<PutResult> {
    const result =
      condition?.kind === 'absent'
        ? await create(upload, target)
        : await this.#lock.with(signal, () => this.#replace(upload, target, condition))
    // Somebody may have deleted it meanwhile, and its folder with it.
    if (result.outcome === 'ok') await orAbsent(syncUpwards(this.#root, path.dirname(target)))
    return result
  }

  /** The lock is held: what is compared stays until it is replaced. */
  async #replace(
    upload: string,
    target: string,
    condition: PutCondition | undefined,
  ): Promise<PutResult> {
    const before = await this.#stats(path.relative(this.#root, target))
    const refused = condition === undefined ? null : verdict(before, condition)
    if (refused !== null) return { outcome: refused }
    if (before !== null) await makeNewer(upload, before)
    const token = tokenOf(await fs.stat(upload, { bigint: true }))
    await fs.rename(upload, target)
    return { outcome: 'ok', token, checked: false }
  }
}

/** link(2) fails when there is anything of that name. */
async function create(upload: string, target: string): Promise<PutResult> {
  const token = tokenOf(await fs.stat(upload, { bigint: true }))
  try {
    await fs.link(upload, target)
  } catch (error) {
    const isTaken = codeOf(error) === 'EEXIST'
    if (isTaken && (await orAbsent(fs.stat(target)))?.isDirectory() !== true) {
      return { outcome: 'exists' }
    }
    throw error
  }
  return { outcome: 'ok', token, checked: false }
}

/** What a condition says of what is there; null when it holds. */
function verdict(
  before: BigIntStats | null,
  condition: PutCondition,
): 'exists' | 'conflict' | null {
  if (condition.kind === 'absent') return before === null ? null : 'exists'
  return before !== null && tokenOf(before) === condition.token ? null : 'conflict'
}

/** False when there was no such file; a folder of that name is none. */
async function unlinkFile(target: string): Promise<boolean> {
  try {
    return (await orAbsent(fs.unlink(target).then(() => true))) === true
  } catch (error) {
    if (codeOf(error) === 'EISDIR') return false
    throw error
  }
}

const infoOf = (stats: BigIntStats): ObjectInfo => ({
  size: Number(stats.size),
  token: tokenOf(stats),
  modifiedMs: Number(stats.mtimeNs / 1_000_000n),
})

/** Creates a file and the folders that it is in, which others may be removing because empty. */
async function openMaking(file: string): Promise<fs.FileHandle> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fs.open(file, 'wx', 0o666)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === MAKE_ATTEMPTS_MAX) throw error
      await fs.mkdir(path.dirname(file), { recursive: true }).catch((failed: unknown) => {
        if (codeOf(failed) !== 'ENOENT') throw failed
      })
    }
  }
}

/** Moves the time of an upload behind that of what it replaces, so that tokens never come again. */
async function makeNewer(upload: string, before: BigIntStats): Promise<void> {
  const stats = await fs.stat(upload, { bigint: true })
  if (stats.mtimeNs > before.mtimeNs) return
  const seconds = Number(before.mtimeNs / 1_000_000_000n)
  const later = seconds + (Number(before.mtimeNs % 1_000_000_000n) + 2_000) / 1e9
  await fs.utimes(upload, later, later)
}

const REFUSED: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; let this user write there',
  EPERM: 'not permitted; the file system must have hard links and let this user write',
  EROFS: 'the file system is read-only; mount it writable',
  ENOTDIR: 'part of the path is a file; name another directory or key',
  EISDIR: 'there is a directory of that name; name another key',
  EEXIST: 'there is something else of that name; name another',
  ENAMETOOLONG: 'the path is too long; choose a directory with a shorter one',
  ERR_SQLITE_ERROR: 'its files cannot be locked; choose a file system with fcntl locks',
  EXDEV: 'it crosses into another file system; put the whole store on one',
}

/** Maps what a system call failed with to what the port promises. */
function localError(doing: string, error: unknown): unknown {
  if (error instanceof SourceError) return unwrapSource(error)
  if (error instanceof OperatingError) {
    return error.message.startsWith('Cannot')
      ? error
      : new OperatingError(error.kind, `Cannot ${doing}: ${error.message}`, error)
  }
  const code = codeOf(error)
  const refused = REFUSED[code]
  if (refused !== undefined) {
    return new OperatingError('refused', `Cannot ${doing}: ${refused}`, error)
  }
  if (code === 'EIO') {
    return new OperatingError('corrupt', `Cannot ${doing}: the device failed (EIO)`, error)
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new OperatingError('retry', `Cannot ${doing}: no space left; free some`, error)
  }
  if (code === '' || code.startsWith('ERR_')) return error
  return new OperatingError('retry', `Cannot ${doing}: ${code}`, error)
}
