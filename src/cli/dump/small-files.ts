// The two smallest files: `meta.json` at the root of a data directory, and `log-start` of a
// partition whose first records were deleted. One row each.
import { FormatError } from '../../base/errors.ts'
import { parseMeta } from '../../broker/data-directory.ts'
import { decodeLogStart } from '../../log/log-start.ts'
import { int32At } from '../../record/header.ts'
import type { DumpRow, FileDecoder } from '../services.ts'
import { damageRow } from './rows.ts'
import { FileWindow, attempt, isDamage } from './window.ts'

const META_BYTES_MAX = 65536
const LOG_START_BYTES_MAX = 64

/** Reads whose a data directory is. */
export const metaDecoder: FileDecoder = {
  name: 'meta.json',
  matches: (name) => name === 'meta.json' || name === 'meta.json.new',
  dump: (path) =>
    dumpWhole(path, META_BYTES_MAX, (bytes) => ({
      what: 'meta',
      ...parseMeta(new TextDecoder().decode(bytes)),
    })),
}

/** Reads where a partition's log starts. */
export const logStartDecoder: FileDecoder = {
  name: 'log start',
  matches: (name, head) =>
    name === 'log-start' || (head.length >= 16 && (int32At(head, 0) & ~3) === 0x534c5330),
  dump: (path) =>
    dumpWhole(path, LOG_START_BYTES_MAX, (bytes) => {
      const start = decodeLogStart(bytes)
      if (start === null) throw new FormatError('the log start does not verify')
      const archived = start.log < start.local ? { local: start.local } : {}
      return { what: 'log-start', offset: start.log, ...archived }
    }),
}

async function* dumpWhole(
  path: string,
  bytesMax: number,
  decode: (bytes: Uint8Array) => DumpRow,
): AsyncGenerator<DumpRow> {
  const window = await FileWindow.open(path)
  try {
    const bytes = await window.view(0, bytesMax)
    const row = await attempt(() => decode(bytes))
    yield isDamage(row) ? damageRow(0, window.size, row.message) : row
  } finally {
    await window.close()
  }
}
