// Brings the logs of a broker back to what was acknowledged: hands the journal's frames to the
// openings of their partitions, and makes what they add durable in the segments, so that the old
// journal can be written over. Partitions that the journal does not speak of stay closed until
// somebody asks for them.
import type { Telemetry } from '../ports/telemetry.ts'
import { replayJournal } from './journal/journal-recovery.ts'
import type { JournalStart } from './journal/journal.ts'
import type { LogHost, LogSettings, PartitionIdentity } from './log-host.ts'
import { partitionDirectory } from './log-host.ts'
import { PartitionOpening } from './open-partition.ts'
import type { PartitionLog } from './partition-log.ts'

/** What recovery needs to know of the world outside the log. */
export interface LogRecovery {
  /** The last shutdown was clean: the journal holds nothing that segments do not have. */
  readonly clean: boolean
  /** Settings of a partition; null when the metadata no longer knows it. */
  settingsOf(identity: PartitionIdentity): LogSettings | null
}

/**
 * Replays the journal. `adopt` receives each log that it brought back, by its directory. Returns
 * what the next journal begins with. Throws `corrupt` when acknowledged bytes are damaged.
 */
export async function recoverLogs(
  host: LogHost,
  journal: { readonly fileBytes: number },
  recovery: LogRecovery,
  telemetry: Pick<Telemetry, 'log'>,
  adopt: (directory: string, log: PartitionLog) => void,
): Promise<JournalStart> {
  const openings = new Map<string, PartitionOpening | null>()
  const options = { fileBytes: journal.fileBytes, skip: recovery.clean }
  const replayed = await replayJournal(host.disk, host.crypto, options, async (frame, payload) => {
    const identity = { topicId: frame.topicId, index: frame.partition }
    const key = partitionDirectory(identity)
    let opening = openings.get(key)
    if (opening === undefined) {
      const settings = recovery.settingsOf(identity)
      opening = settings === null ? null : await PartitionOpening.begin(host, identity, settings)
      openings.set(key, opening)
    }
    await opening?.replay(frame, payload)
  })
  for (const [key, opening] of openings) {
    if (opening === null) continue
    const log = await opening.finish()
    await log.persist()
    adopt(key, log)
  }
  if (!recovery.clean) {
    const { frames, bytes, torn } = replayed
    telemetry.log('info', 'journal replayed', { frames, bytes, torn, partitions: openings.size })
  }
  return replayed.start
}
