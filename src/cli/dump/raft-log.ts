// `raft/log-N.wal`: the file's header, its batches, and each entry with the metadata records in
// it. A batch's checksums are seeded with its place, so a window of the file is decoded with
// a seed that is moved by as much. Behind a batch that does not verify the next one is looked for.
import { decodeEntry } from '../../cluster/records.ts'
import {
  BATCH_HEADER_BYTES,
  LOG_HEADER_BYTES,
  decodeBatch,
  decodeBatchHeader,
  decodeLogHeader,
} from '../../cluster/raft/raft-format.ts'
import type { BatchHeader, LogHeader } from '../../cluster/raft/raft-format.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { decodeMembership } from '../../raft/membership.ts'
import type { Entry } from '../../raft/messages.ts'
import { int32At } from '../../record/header.ts'
import type { DumpRow, FileDecoder } from '../services.ts'
import { damageRow } from './rows.ts'
import { FileWindow, WINDOW_BYTES, attempt, isDamage } from './window.ts'

/** Reads the log files of the metadata quorum. */
export const raftLogDecoder = ({ crc32c }: Crypto): FileDecoder => ({
  name: 'raft log',
  matches: (name, head) => {
    if (/^log-\d{16}\.wal$/.test(name)) return true
    return head.length >= LOG_HEADER_BYTES && int32At(head, 0) === 0x53524c47
  },
  dump: (path) => dumpLog(crc32c, path),
})

async function* dumpLog(crc: Crypto['crc32c'], path: string): AsyncGenerator<DumpRow> {
  const window = await FileWindow.open(path)
  try {
    const head = await window.view(0, LOG_HEADER_BYTES)
    const header = await attempt(() => decodeLogHeader(crc, path, head))
    if (isDamage(header)) {
      yield damageRow(0, window.size, header.message)
      return
    }
    yield { what: 'file', bytes: window.size, ...header }
    let at = LOG_HEADER_BYTES
    while (at < window.size) {
      const batch = await batchAt(crc, path, window, header, at)
      if (batch !== null) {
        const { count, length, batch: number } = batch.header
        yield {
          what: 'batch',
          at,
          bytes: BATCH_HEADER_BYTES + length,
          batch: number,
          entries: count,
        }
        for (const entry of batch.entries) yield await entryRow(entry)
        at += BATCH_HEADER_BYTES + length
        continue
      }
      const next = await findBatch(crc, path, window, header, at + 1)
      const text =
        next === null ? 'no batch; a torn write, or damage' : 'damage between two batches'
      yield damageRow(at, next ?? window.size, text)
      at = next ?? window.size
    }
  } finally {
    await window.close()
  }
}

interface Batch {
  readonly header: BatchHeader
  readonly entries: readonly Entry[]
}

/** The whole batch at `at`; null when there is none. */
async function batchAt(
  crc: Crypto['crc32c'],
  path: string,
  window: FileWindow,
  log: LogHeader,
  at: number,
): Promise<Batch | null> {
  const nonce = log.nonce + at
  const front = await window.view(at, BATCH_HEADER_BYTES)
  const header = decodeBatchHeader(crc, front, { nonce, at: 0 })
  if (header === null) return null
  const bytes = await window.view(at, BATCH_HEADER_BYTES + header.length)
  const entries = await attempt(() => decodeBatch(crc, path, bytes, { nonce, at: 0, header }))
  return entries === null || isDamage(entries) ? null : { header, entries }
}

/** Where the next whole batch begins, from `from` on; null when there is none. */
async function findBatch(
  crc: Crypto['crc32c'],
  path: string,
  window: FileWindow,
  log: LogHeader,
  from: number,
): Promise<number | null> {
  let at = from
  while (at + BATCH_HEADER_BYTES <= window.size) {
    const bytes = await window.view(at, WINDOW_BYTES)
    const found = findHeader(crc, bytes, log.nonce + at)
    if (found >= 0 && (await batchAt(crc, path, window, log, at + found)) !== null) {
      return at + found
    }
    at += found < 0 ? bytes.length - BATCH_HEADER_BYTES + 1 : found + 1
  }
  return null
}

/** Where in `bytes` a batch header stands; -1 for nowhere. */
function findHeader(crc: Crypto['crc32c'], bytes: Uint8Array, nonce: number): number {
  for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; at++) {
    if (decodeBatchHeader(crc, bytes, { nonce, at }) !== null) return at
  }
  return -1
}

async function entryRow(entry: Entry): Promise<DumpRow> {
  const { index, term, kind, data } = entry
  const row = { what: 'entry', index, term, kind, bytes: data.length }
  if (kind === 'empty') return row
  const content = await attempt((): object =>
    kind === 'data' ? { records: decodeEntry(data) } : { members: decodeMembership(data) },
  )
  // Whole by its checksum: written by a version that knows more, rather than damaged.
  return isDamage(content) ? { ...row, unknown: content.message } : { ...row, ...content }
}
