// What the journal held of a partition that is too damaged to take it. Before the journal is
// written over, all its frames of that partition are copied beside the partition's segments, in the
// format of a journal file, so that nothing acknowledged is lost when the damage is repaired
// later. The copy is complete or absent: it is synced under another name and then renamed. It is
// removed once the partition has opened and has made everything durable in its segments, before the
// partition takes appends again; so while it exists, the journal never has frames that it lacks.
import { OperatingError } from '../../base/errors.ts'
import { MiB } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Disk, DiskFile } from '../../ports/disk.ts'
import type { Directories } from '../directories.ts'
import type { Frame } from './journal-format.ts'
import {
  FILE_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  decodeFileHeader,
  encodeFileHeader,
  readFrameHeader,
  uuidBytes,
  writeFrameHeader,
} from './journal-format.ts'
import { payloadIsValid, randomSalt } from './journal-recovery.ts'

/** Name of the file in the partition's directory. */
export const SET_ASIDE_NAME = 'unapplied.wal'

/** Bytes read at once. */
const WINDOW_BYTES = MiB

interface Ports {
  readonly disk: Disk
  readonly crypto: Crypto
  readonly directories: Directories
}

/** Copies the frames of one partition. */
export class SetAsideWriter {
  readonly #disk: Disk
  readonly #directory: string
  readonly #file: DiskFile
  readonly #salt: number
  #at = FILE_HEADER_BYTES

  private constructor(disk: Disk, directory: string, file: DiskFile, salt: number) {
    this.#disk = disk
    this.#directory = directory
    this.#file = file
    this.#salt = salt
  }

  /** Begins the copy in the partition's `directory`, which is made if it does not exist. */
  static async begin(ports: Ports, directory: string): Promise<SetAsideWriter> {
    const { disk, crypto, directories } = ports
    await directories.make(directory)
    const path = `${directory}/${SET_ASIDE_NAME}.new`
    await disk.remove(path)
    const file = await disk.open(path, { mode: 'create' })
    const salt = randomSalt(crypto)
    const header = { salt, fileSequence: 0, basePosition: 0, oldestLive: 0, free: false }
    file.writeNow(0, [encodeFileHeader(header)])
    return new SetAsideWriter(disk, directory, file, salt)
  }

  /** Adds a frame; nothing is borrowed after it returns. */
  add(frame: Frame, payload: Uint8Array): void {
    const head = new Uint8Array(FRAME_HEADER_BYTES)
    const place = { salt: this.#salt, fileSequence: 0, filePosition: this.#at }
    const topicIdBytes = uuidBytes(frame.topicId)
    const copy = { ...frame, topicIdBytes, durable: 0 }
    writeFrameHeader(head, new DataView(head.buffer), 0, copy, place)
    this.#file.writeNow(this.#at, [head, payload])
    this.#at += head.length + payload.length
  }

  /** Makes the copy durable under its name. */
  async finish(): Promise<void> {
    await this.#file.sync()
    await this.#file.close()
    const path = `${this.#directory}/${SET_ASIDE_NAME}`
    await this.#disk.rename(`${path}.new`, path)
    await this.#disk.syncDirectory(this.#directory)
  }
}

/**
 * Hands `take` every frame that was set aside in `directory`, in journal order. Throws `corrupt`
 * when one of them is damaged: all of them were durable.
 */
export async function readSetAside(
  ports: Pick<Ports, 'disk' | 'crypto'>,
  directory: string,
  take: (frame: Frame, payload: Uint8Array) => Promise<void>,
): Promise<void> {
  const path = `${directory}/${SET_ASIDE_NAME}`
  const file = await ports.disk.open(path, { mode: 'read' })
  try {
    const window = new Window(file, await file.size())
    const header = decodeFileHeader(await window.view(0, FILE_HEADER_BYTES))
    if (header === null) throw damaged(path, 0)
    const { salt, fileSequence } = header
    for (let at = FILE_HEADER_BYTES; at < window.size;) {
      const place = { salt, fileSequence, filePosition: at }
      const head = await window.view(at, FRAME_HEADER_BYTES)
      const view = new DataView(head.buffer, head.byteOffset, head.length)
      const frame = readFrameHeader(head, view, 0, place)
      if (frame === null) throw damaged(path, at)
      const payload = await window.view(at + FRAME_HEADER_BYTES, frame.length)
      if (!payloadIsValid(ports.crypto, frame, payload)) throw damaged(path, at)
      await take(frame, payload)
      at += FRAME_HEADER_BYTES + frame.length
    }
  } finally {
    await file.close()
  }
}

/** Removes what was set aside in `directory`; it does not come back after a power cut. */
export async function removeSetAside(disk: Disk, directory: string): Promise<void> {
  await disk.remove(`${directory}/${SET_ASIDE_NAME}`)
  await disk.syncDirectory(directory)
}

const damaged = (path: string, at: number): OperatingError =>
  new OperatingError(
    'corrupt',
    `Cannot read ${path}, which has acknowledged records: it is damaged at byte ${at}; ` +
      'restore it from a backup. Nothing was changed',
  )

/** Large reads of a file that is looked at in small pieces, one after the other. */
class Window {
  readonly size: number
  readonly #file: DiskFile
  #bytes = new Uint8Array(0)
  #from = 0

  constructor(file: DiskFile, size: number) {
    this.#file = file
    this.size = size
  }

  /** Bytes [at, at + length), fewer at the end of the file; not changed by later calls. */
  async view(at: number, length: number): Promise<Uint8Array> {
    const wanted = Math.min(length, this.size - at)
    if (at < this.#from || at + wanted > this.#from + this.#bytes.length) {
      const bytes = new Uint8Array(Math.min(Math.max(wanted, WINDOW_BYTES), this.size - at))
      this.#bytes = bytes.subarray(0, await this.#file.read(at, bytes))
      this.#from = at
    }
    return this.#bytes.subarray(at - this.#from, at - this.#from + wanted)
  }
}
