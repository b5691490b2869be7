// The small files of the metadata quorum: `raft/state` with both copies of term and vote, and
// `raft/S-T.snap` with the cluster's metadata record by record. A snapshot is read whole, as the
// broker itself does; a gigabyte is its bound.
import { imageRecords, decodeSnapshot as decodeImage } from '../../cluster/snapshot.ts'
import {
  SNAPSHOT_BYTES_MAX,
  STATE_BLOCK,
  decodeSlot,
  decodeSnapshot,
  decodeStateHeader,
} from '../../cluster/raft/raft-format.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { int32At } from '../../record/header.ts'
import type { DumpRow, FileDecoder } from '../services.ts'
import { damageRow } from './rows.ts'
import { FileWindow, attempt, isDamage } from './window.ts'

/** Reads the file of identity, term and vote. */
export const raftStateDecoder = ({ crc32c }: Crypto): FileDecoder => ({
  name: 'raft state',
  matches: (name, head) =>
    name === 'state' || (head.length >= 24 && int32At(head, 0) === 0x53525354),
  dump: (path) => dumpState(crc32c, path),
})

async function* dumpState(crc: Crypto['crc32c'], path: string): AsyncGenerator<DumpRow> {
  const window = await FileWindow.open(path)
  try {
    const block = await window.view(0, STATE_BLOCK)
    const identity = await attempt(() => decodeStateHeader(crc, path, block))
    if (isDamage(identity)) yield damageRow(0, STATE_BLOCK, identity.message)
    else yield { what: 'identity', ...identity }
    for (const [i, copy] of ['a', 'b'].entries()) {
      const at = (i + 1) * STATE_BLOCK
      const slot = decodeSlot(crc, await window.view(at, STATE_BLOCK))
      if (slot !== null) yield { what: 'vote', at, copy, ...slot }
      else {
        const text = `copy ${copy} of term and vote does not verify; the broker goes by the other`
        yield damageRow(at, at + STATE_BLOCK, text)
      }
    }
  } finally {
    await window.close()
  }
}

/** Reads snapshots of the metadata. */
export const raftSnapshotDecoder = ({ crc32c }: Crypto): FileDecoder => ({
  name: 'raft snapshot',
  matches: (name, head) =>
    name.endsWith('.snap') || (head.length >= 44 && int32At(head, 0) === 0x5352534e),
  dump: (path) => dumpSnapshot(crc32c, path),
})

async function* dumpSnapshot(crc: Crypto['crc32c'], path: string): AsyncGenerator<DumpRow> {
  const window = await FileWindow.open(path)
  try {
    if (window.size > SNAPSHOT_BYTES_MAX) {
      yield damageRow(0, window.size, `no snapshot is longer than ${SNAPSHOT_BYTES_MAX} bytes`)
      return
    }
    const bytes = await window.view(0, window.size)
    const snapshot = await attempt(() => decodeSnapshot(crc, path, bytes))
    if (isDamage(snapshot)) {
      yield damageRow(0, window.size, snapshot.message)
      return
    }
    const { index, term, membership, data } = snapshot
    yield { what: 'snapshot', index, term, members: membership, bytes: data.length }
    if (data.length === 0) return // a cluster that is new
    const image = await attempt(() => decodeImage(data))
    if (isDamage(image)) {
      yield damageRow(window.size - data.length, window.size, image.message)
      return
    }
    for (const record of imageRecords(image)) yield { what: 'record', ...record }
  } finally {
    await window.close()
  }
}
