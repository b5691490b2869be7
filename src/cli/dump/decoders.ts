// All formats that `dump` reads, the ones that a name or a magic number settles first: a segment is
// known by a single byte, so it comes last.
import type { Crypto } from '../../ports/crypto.ts'
import type { FileDecoder } from '../services.ts'
import { archiveDecoders } from './archive.ts'
import { journalDecoder } from './journal.ts'
import { raftLogDecoder } from './raft-log.ts'
import { raftSnapshotDecoder, raftStateDecoder } from './raft-state.ts'
import { segmentDecoder } from './segment.ts'
import { logStartDecoder, metaDecoder } from './small-files.ts'
import { tailDecoder } from './tail.ts'

/** The decoders of every file that a broker writes. */
export const fileDecoders = (crypto: Crypto): readonly FileDecoder[] => [
  metaDecoder,
  logStartDecoder,
  ...archiveDecoders(crypto),
  raftStateDecoder(crypto),
  raftSnapshotDecoder(crypto),
  raftLogDecoder(crypto),
  journalDecoder(crypto),
  tailDecoder(crypto),
  segmentDecoder(crypto),
]
