// Brings the logs of a broker back to what was acknowledged: hands the journal's frames to the
// openings of their partitions, and makes what they add durable in the segments, so that the old
// journal can be written over. Partitions that the journal does not speak of stay closed until
// somebody asks for them. A partition whose own files are damaged is set aside: what the journal
// has of it is kept with it, and it stays closed while the others go on.
import { FormatError, OperatingError } from '../base/errors.ts'
import { eachAtOnce } from '../flow/each.ts'
import { Semaphore } from '../flow/semaphore.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { ValidFrame } from './journal/journal-recovery.ts'
import { replayJournal, rereadJournal } from './journal/journal-recovery.ts'
import type { JournalStart } from './journal/journal.ts'
import { SET_ASIDE_NAME, SetAsideWriter } from './journal/set-aside.ts'
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
  /** Name of a topic, for the log. */
  topicName(topicId: string): string
}

/** Partitions brought back at the same time; a device syncs several files as fast as one. */
const OPENINGS_AT_ONCE = 16

/** The frames of one partition in one file of the journal, in order. */
interface FrameGroup {
  readonly identity: PartitionIdentity
  readonly frames: ValidFrame[]
  bytes: number
}

/**
 * Replays the journal. `adopt` receives each log that it brought back, by its directory. Returns
 * what the next journal begins with. Throws `corrupt` when the journal itself is damaged.
 */
export async function recoverLogs(
  host: LogHost,
  journal: { readonly fileBytes: number },
  recovery: LogRecovery,
  telemetry: Pick<Telemetry, 'log'>,
  adopt: (directory: string, log: PartitionLog) => void,
): Promise<JournalStart> {
  /** By directory; null for partitions that are gone or set aside. */
  const openings = new Map<string, PartitionOpening | null>()
  const damaged = new Set<string>()
  const orSetAside = async (
    identity: PartitionIdentity,
    step: () => Promise<void>,
  ): Promise<void> => {
    try {
      await step()
    } catch (error) {
      if (!isDamage(error)) throw error
      const path = partitionDirectory(identity)
      openings.set(path, null)
      damaged.add(path)
      telemetry.log('error', 'partition set aside', {
        topic: recovery.topicName(identity.topicId),
        partition: identity.index,
        path,
        error: String(error),
      })
    }
  }
  // What partitions are given at once has room in the cache beside what they were given before.
  const room = new Semaphore({
    unitsMax: host.arena.capacityBytes / 4,
    waitersMax: OPENINGS_AT_ONCE,
  })
  const apply = async ({ identity, frames }: FrameGroup): Promise<void> => {
    const key = partitionDirectory(identity)
    let opening = openings.get(key)
    if (opening === undefined) {
      const settings = recovery.settingsOf(identity)
      opening = settings === null ? null : await PartitionOpening.begin(host, identity, settings)
      openings.set(key, opening)
    }
    if (opening === null) return
    for (const { frame, payload } of frames) await opening.replay(frame, payload)
  }
  const options = { fileBytes: journal.fileBytes, skip: recovery.clean }
  const replayed = await replayJournal(host.disk, host.crypto, options, (frames) =>
    eachAtOnce(byPartition(frames), OPENINGS_AT_ONCE, (group) =>
      room.with(Math.max(1, group.bytes), () => orSetAside(group.identity, () => apply(group))),
    ),
  )
  const begun = [...openings].filter(isBegun)
  await eachAtOnce(begun, OPENINGS_AT_ONCE, ([key, opening]) =>
    orSetAside(opening.identity, async () => adopt(key, await opening.finish())),
  )
  if (damaged.size > 0) await keepFrames(host, damaged, replayed.frames)
  if (!recovery.clean) {
    const { frames, bytes, torn } = replayed
    telemetry.log('info', 'journal replayed', { frames, bytes, torn, partitions: openings.size })
  }
  return replayed.start
}

/** Frames by partition: between partitions they have no order to keep. */
function byPartition(frames: readonly ValidFrame[]): Iterable<FrameGroup> {
  const groups = new Map<string, FrameGroup>()
  for (const one of frames) {
    const identity = { topicId: one.frame.topicId, index: one.frame.partition }
    const key = partitionDirectory(identity)
    let group = groups.get(key)
    if (group === undefined) groups.set(key, (group = { identity, frames: [], bytes: 0 }))
    group.frames.push(one)
    group.bytes += one.payload.length
  }
  return groups.values()
}

const isBegun = (entry: [string, PartitionOpening | null]): entry is [string, PartitionOpening] =>
  entry[1] !== null

/** Whether the bytes of one partition are at fault, not the device or this process. */
const isDamage = (error: unknown): boolean =>
  error instanceof FormatError || (error instanceof OperatingError && error.kind === 'corrupt')

/**
 * Copies the journal's frames of the partitions in `directories` beside their segments, in a second
 * pass, so that the first need not remember what it may never be asked for.
 */
async function keepFrames(
  host: LogHost,
  directories: ReadonlySet<string>,
  framesBefore: number,
): Promise<void> {
  const writers = new Map<string, SetAsideWriter>()
  for (const directory of directories) {
    // What an earlier start has kept is all that this journal has of it, and may be more: that
    // start may have been cut short after it had begun to free the journal.
    if ((await host.disk.list(directory)).includes(SET_ASIDE_NAME)) continue
    writers.set(directory, await SetAsideWriter.begin(host, directory))
  }
  if (writers.size === 0) return
  const frames = await rereadJournal(host.disk, host.crypto, (valid) => {
    for (const { frame, payload } of valid) {
      const identity = { topicId: frame.topicId, index: frame.partition }
      writers.get(partitionDirectory(identity))?.add(frame, payload)
    }
    return Promise.resolve()
  })
  if (frames !== framesBefore) {
    throw new OperatingError(
      'corrupt',
      `Cannot start: the journal had ${framesBefore} frames, and ${frames} when it was read ` +
        'again. Nothing was changed',
    )
  }
  for (const writer of writers.values()) await writer.finish()
}
