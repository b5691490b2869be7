// `<base>.tail`: the checkpoints of a growing segment, one row each; with --verbose also the index
// entries, aborted transactions, epochs and producers that each of them brings. A block that does
// not verify ends the file for the broker; here it is damage, and nothing behind it is believed.
import { AbortedList } from '../../log/state/aborted.ts'
import { Lineage } from '../../log/state/lineage.ts'
import { decodeProducers } from '../../log/state/producer-snapshot.ts'
import { INDEX_ENTRY_BYTES } from '../../log/segment/sparse-index.ts'
import { TAIL_HEADER_BYTES, decodeTailBlock, tailBlockBytes } from '../../log/segment/tail-block.ts'
import type { TailBlock } from '../../log/segment/tail-block.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { DumpOptions, DumpRow, FileDecoder } from '../services.ts'
import { abortedRows, damageRow, indexRows, lineageRows, producerRows, timeOf } from './rows.ts'
import { FileWindow, attempt, isDamage } from './window.ts'

const ANY_PRODUCERS = { producersMax: Number.MAX_SAFE_INTEGER, expirationMs: 1 }

/** Reads the sidecars of growing segments. */
export const tailDecoder = (crypto: Crypto): FileDecoder => ({
  name: 'segment tail',
  matches: (name, head) => name.endsWith('.tail') || tailBlockBytes(head) > 0,
  dump: (path, options) => dumpTail(crypto, path, options),
})

async function* dumpTail(
  crypto: Crypto,
  path: string,
  options: DumpOptions,
): AsyncGenerator<DumpRow> {
  const window = await FileWindow.open(path)
  try {
    let at = 0
    while (at < window.size) {
      const length = tailBlockBytes(await window.view(at, TAIL_HEADER_BYTES))
      const bytes = length === 0 ? length : await window.view(at, length)
      const start = at
      const rows = await attempt(() => {
        if (bytes === 0 || bytes.length < length) return null
        const block = decodeTailBlock(crypto, bytes, start)
        return block === null ? null : blockRows(block, start, options)
      })
      if (rows === null || isDamage(rows)) {
        const why = rows === null ? 'no whole checkpoint' : rows.message
        yield damageRow(at, window.size, `${why}; the broker scans the segment instead`)
        return
      }
      yield* rows
      at += length
    }
  } finally {
    await window.close()
  }
}

function blockRows(block: TailBlock, at: number, options: DumpOptions): DumpRow[] {
  const { state, indexView, rest } = block
  const aborted = new AbortedList()
  aborted.decode(rest)
  const lineage = Lineage.decode(rest)
  const producers = decodeProducers(rest, ANY_PRODUCERS)
  const row: DumpRow = {
    what: 'checkpoint',
    at,
    bytes: block.length,
    closed: block.closed,
    ...state,
    minTimestamp: timeOf(state.minTimestamp),
    maxTimestamp: timeOf(state.maxTimestamp),
    firstIndex: block.firstIndex,
    indexEntries: indexView.length / INDEX_ENTRY_BYTES,
    firstAborted: block.firstAborted,
    aborted: aborted.length,
    epochs: lineage.length,
    producers: producers.parts.count,
  }
  if (!options.verbose) return [row]
  return [
    row,
    ...indexRows(indexView, state.baseOffset),
    ...abortedRows(aborted),
    ...lineageRows(lineage),
    ...producerRows(producers),
  ]
}
