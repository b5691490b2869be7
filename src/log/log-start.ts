// Where the log of a partition starts, where no segment boundary shows it: after DeleteRecords, or
// when older segments lie only in the archive. One tiny file beside the segments, replaced
// atomically; it is the only thing that would bring deleted records back if it were lost, so it is
// synced before anybody hears of the deletion.
import { assert } from '../base/assert.ts'
import { crc32c } from '../base/crc32c.ts'
import { OperatingError } from '../base/errors.ts'
import type { Offset } from '../base/units.ts'
import { offset } from '../base/units.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import type { Disk } from '../ports/disk.ts'

const MAGIC = 0x534c5331 // "SLS1": both are the same
const MAGIC_ARCHIVED = 0x534c5332 // "SLS2"
const SIZE = 16
const SIZE_ARCHIVED = 24
const NAME = 'log-start'

/** Where a log starts. */
export interface LogStarts {
  /** First offset that is kept anywhere. */
  readonly log: Offset
  /** First offset that is kept on this disk; what lies below, down to `log`, is archived. */
  readonly local: Offset
}

/** Makes `starts` durable for the partition in `directory`, which exists. */
export async function saveLogStart(
  disk: Disk,
  directory: string,
  starts: LogStarts,
): Promise<void> {
  const archived = starts.local > starts.log
  const to = new Writer(SIZE_ARCHIVED)
  to.uint32(archived ? MAGIC_ARCHIVED : MAGIC)
  to.int64(starts.log)
  if (archived) to.int64(starts.local)
  to.uint32(crc32c(to.bytes()))
  await disk.remove(`${directory}/${NAME}.new`)
  const file = await disk.open(`${directory}/${NAME}.new`, { mode: 'create' })
  await file.writeBehind(0, to.bytes())
  await file.sync()
  await file.close()
  await disk.rename(`${directory}/${NAME}.new`, `${directory}/${NAME}`)
  await disk.syncDirectory(directory)
}

/** The saved starts, or 0 when none were saved. Throws `corrupt` when the file is damaged. */
export async function loadLogStart(
  disk: Disk,
  directory: string,
  names: readonly string[],
): Promise<LogStarts> {
  if (!names.includes(NAME)) return { log: offset(0), local: offset(0) }
  const file = await disk.open(`${directory}/${NAME}`, { mode: 'read' })
  const bytes = new Uint8Array(SIZE_ARCHIVED + 1)
  const count = await file.read(0, bytes)
  await file.close()
  const starts = decodeLogStart(bytes.subarray(0, count))
  if (starts === null) {
    throw new OperatingError('corrupt', `Cannot read ${directory}/${NAME}: it is damaged`)
  }
  return starts
}

/** The starts that the file's bytes say; null when they are damaged. */
export function decodeLogStart(bytes: Uint8Array): LogStarts | null {
  if (bytes.length !== SIZE && bytes.length !== SIZE_ARCHIVED) return null
  const magic = bytes.length === SIZE ? MAGIC : MAGIC_ARCHIVED
  const crcAt = bytes.length - 4
  const from = new Reader(bytes)
  if (from.uint32() !== magic) return null
  if (new Reader(bytes, crcAt).uint32() !== crc32c(bytes.subarray(0, crcAt))) return null
  const log = offset(from.int64())
  return { log, local: bytes.length === SIZE ? log : offset(from.int64()) }
}

/** Where an open log starts, in memory and on disk. Neither start ever moves down. */
export class LogBounds {
  readonly #write: (starts: LogStarts) => Promise<void>
  #starts: LogStarts
  /** What was written last: above what is in memory until whoever saved it has raised that. */
  #written: LogStarts
  #saving: Promise<void> = Promise.resolve()

  /** `write` makes starts durable; it is called for one at a time. */
  constructor(starts: LogStarts, write: (starts: LogStarts) => Promise<void>) {
    assert(starts.log <= starts.local, 'What is archived lies before what is here')
    this.#starts = starts
    this.#written = starts
    this.#write = write
  }

  /** First offset that is kept, here or in the archive. */
  get log(): Offset {
    return this.#starts.log
  }

  /** First offset that is kept here. */
  get local(): Offset {
    return this.#starts.local
  }

  /** Makes starts durable; one after the other, and never lower ones after higher. */
  save(to: LogStarts): Promise<void> {
    this.#saving = this.#saving
      .catch(() => undefined)
      .then(async () => {
        const before = this.#written
        const next = above(before, above(this.#starts, to))
        if (next.log === before.log && next.local === before.local) return
        await this.#write(next)
        this.#written = next
      })
    return this.#saving
  }

  /** Moves up what is lower; durable only if it was saved before. */
  raise(to: LogStarts): void {
    this.#starts = above(this.#starts, to)
  }

  /** Resolves when nothing is being saved any more, whatever came of it. */
  async settle(): Promise<void> {
    await this.#saving.catch(() => undefined)
  }
}

/** The higher of both of each; what is here never begins below the log. */
function above(a: LogStarts, b: LogStarts): LogStarts {
  const log = a.log > b.log ? a.log : b.log
  const local = a.local > b.local ? a.local : b.local
  return { log, local: local > log ? local : log }
}
