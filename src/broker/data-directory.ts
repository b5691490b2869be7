// The root of a data directory: who it belongs to, in which format, and whether the last run closed
// it. Opened before anything else and locked against a second process; a directory of another node,
// another cluster or a newer version is refused with a sentence, and nothing in it is touched.
import { OperatingError } from '../base/errors.ts'
import type { Disk } from '../ports/disk.ts'

const NAME = 'meta.json'
const FORMAT = 1
const META_BYTES_MAX = 65536

/** What meta.json says. */
export interface DirectoryMeta {
  readonly format: number
  readonly clusterId: string
  readonly nodeId: number
  /** The last run flushed and closed everything. */
  readonly clean: boolean
}

/** Who wants to use the directory. */
export interface DirectoryOwner {
  readonly nodeId: number
  /** Null takes whatever cluster the directory belongs to. */
  readonly clusterId: string | null
  /** For a directory that is new. */
  newClusterId(): string
}

/** A data directory in use by this process. */
export class DataDirectory {
  readonly #disk: Disk
  readonly #release: () => Promise<void>
  readonly clusterId: string
  readonly nodeId: number
  /** Whether the run before this one closed cleanly; true for a new directory. */
  readonly wasClean: boolean

  private constructor(disk: Disk, release: () => Promise<void>, meta: DirectoryMeta) {
    this.#disk = disk
    this.#release = release
    this.clusterId = meta.clusterId
    this.nodeId = meta.nodeId
    this.wasClean = meta.clean
  }

  /** Locks the directory and marks it in use. Throws `refused` when it is not ours to use. */
  static async open(disk: Disk, owner: DirectoryOwner): Promise<DataDirectory> {
    // Looked at before it is locked, because the lock is a file too; what counts is what is read
    // under the lock.
    const seen = await readMeta(disk)
    if (seen !== null) check(seen, owner)
    const release = await disk.lock('lock')
    try {
      const found = await readMeta(disk)
      const meta = found ?? {
        format: FORMAT,
        clusterId: owner.clusterId ?? owner.newClusterId(),
        nodeId: owner.nodeId,
        clean: true,
      }
      check(meta, owner)
      const directory = new DataDirectory(disk, release, meta)
      await directory.#mark(false)
      return directory
    } catch (error) {
      await release()
      throw error
    }
  }

  /** Gives the directory up; `clean` when everything was flushed. */
  async close(clean: boolean): Promise<void> {
    if (clean) await this.#mark(true)
    await this.#release()
  }

  async #mark(clean: boolean): Promise<void> {
    const { clusterId, nodeId } = this
    const text = JSON.stringify({ format: FORMAT, clusterId, nodeId, clean }, null, 2)
    await this.#disk.remove(`${NAME}.new`)
    const file = await this.#disk.open(`${NAME}.new`, { mode: 'create' })
    try {
      await file.writeBehind(0, new TextEncoder().encode(`${text}\n`))
      await file.sync()
    } finally {
      await file.close()
    }
    await this.#disk.rename(`${NAME}.new`, NAME)
    await this.#disk.syncDirectory('')
  }
}

async function readMeta(disk: Disk): Promise<DirectoryMeta | null> {
  const names = await disk.list('')
  if (!names.includes(NAME)) {
    const strange = names.filter((name) => name === 'journal/' || name === 'topics/')
    if (strange.length === 0) return null
    throw new OperatingError(
      'refused',
      `The data directory holds ${strange.join(', ')} but no ${NAME}: restore ${NAME}, or start ` +
        'with an empty directory',
    )
  }
  const file = await disk.open(NAME, { mode: 'read' })
  try {
    const bytes = new Uint8Array(META_BYTES_MAX)
    const count = await file.read(0, bytes)
    return parseMeta(new TextDecoder().decode(bytes.subarray(0, count)))
  } finally {
    await file.close()
  }
}

/** What the text of meta.json says. Throws `corrupt` when it is not one. */
export function parseMeta(text: string): DirectoryMeta {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new OperatingError('corrupt', `Cannot read ${NAME}: it is not JSON`, error)
  }
  const { format, clusterId, nodeId, clean } = value as Partial<DirectoryMeta>
  if (typeof format !== 'number' || typeof clusterId !== 'string' || typeof nodeId !== 'number') {
    throw new OperatingError('corrupt', `Cannot read ${NAME}: a field is missing`)
  }
  return { format, clusterId, nodeId, clean: clean === true }
}

function check(meta: DirectoryMeta, owner: DirectoryOwner): void {
  if (meta.format > FORMAT) {
    throw new OperatingError(
      'refused',
      `The data directory has format ${meta.format}, newer than the ${FORMAT} that this version ` +
        'writes: start it with the newer version',
    )
  }
  if (meta.nodeId !== owner.nodeId) {
    throw new OperatingError(
      'refused',
      `The data directory belongs to node ${meta.nodeId}, not to node ${owner.nodeId}: give ` +
        `--node-id ${meta.nodeId} or another --data-dir`,
    )
  }
  if (owner.clusterId !== null && meta.clusterId !== owner.clusterId) {
    throw new OperatingError(
      'refused',
      `The data directory belongs to cluster ${meta.clusterId}, not to ${owner.clusterId}: give ` +
        'another --data-dir, or leave --cluster-id out',
    )
  }
}
