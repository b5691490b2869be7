// The bounds of the group coordinator, from the broker's settings where users may set them, else
// from the numbers here.
import type { Settings } from '../config/settings.ts'
import type { GroupLimits } from '../group/options.ts'

/** The coordinator's bounds and delays. */
export function groupLimits(settings: Settings): GroupLimits {
  const values = settings.broker
  return {
    membersMax: values.groupMembersMax,
    pendingJoinsMax: values.groupMembersMax,
    initialDelayMs: values.groupInitialRebalanceDelayMs,
    newMemberJoinTimeoutMs: 300_000,
    offsetsPartitions: values.offsetsPartitions,
    groupIdLengthMax: 1000,
    groupsMax: 100_000,
    metadataBytesMax: values.offsetMetadataBytesMax,
    sessionTimeoutMinMs: values.groupSessionMinMs,
    sessionTimeoutMaxMs: values.groupSessionMaxMs,
    offsetsRetentionMs: values.offsetsRetentionMs,
    expiryIntervalMs: values.offsetsRetentionCheckMs,
    batchBytesMax: 1_000_000,
    queuedRecordsMax: 100_000,
    rewriteRecordsMin: 100_000,
    reloadDelayMs: 1000,
    lateTimerMs: 1000,
  }
}
