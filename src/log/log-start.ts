// The log start offset of a partition where no segment boundary shows it: after DeleteRecords. One
// tiny file beside the segments, replaced atomically; it is the only thing that would bring deleted
// records back if it were lost, so it is synced before anybody hears of the deletion.
import { crc32c } from '../base/crc32c.ts'
import { OperatingError } from '../base/errors.ts'
import type { Offset } from '../base/units.ts'
import { offset } from '../base/units.ts'
import type { Disk } from '../ports/disk.ts'

const MAGIC = 0x534c5331 // "SLS1"
const SIZE = 16
const NAME = 'log-start'

/** Makes `start` durable as the log start of the partition in `directory`, which exists. */
export async function saveLogStart(disk: Disk, directory: string, start: Offset): Promise<void> {
  const bytes = new Uint8Array(SIZE)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC)
  view.setUint32(4, Math.floor(start / 4294967296))
  view.setUint32(8, start >>> 0)
  view.setUint32(12, crc32c(bytes.subarray(0, 12)))
  await disk.remove(`${directory}/${NAME}.new`)
  const file = await disk.open(`${directory}/${NAME}.new`, { mode: 'create' })
  await file.writeBehind(0, bytes)
  await file.sync()
  await file.close()
  await disk.rename(`${directory}/${NAME}.new`, `${directory}/${NAME}`)
  await disk.syncDirectory(directory)
}

/** The saved log start, or 0 when none was saved. Throws `corrupt` when the file is damaged. */
export async function loadLogStart(
  disk: Disk,
  directory: string,
  names: readonly string[],
): Promise<Offset> {
  if (!names.includes(NAME)) return offset(0)
  const file = await disk.open(`${directory}/${NAME}`, { mode: 'read' })
  const bytes = new Uint8Array(SIZE)
  const count = await file.read(0, bytes)
  await file.close()
  const start = decodeLogStart(bytes.subarray(0, count))
  if (start === null) {
    throw new OperatingError('corrupt', `Cannot read ${directory}/${NAME}: it is damaged`)
  }
  return start
}

/** The log start that the file's bytes say; null when they are damaged. */
export function decodeLogStart(bytes: Uint8Array): Offset | null {
  if (bytes.length !== SIZE) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0) !== MAGIC || view.getUint32(12) !== crc32c(bytes.subarray(0, 12))) {
    return null
  }
  return offset(view.getUint32(4) * 4294967296 + view.getUint32(8))
}
