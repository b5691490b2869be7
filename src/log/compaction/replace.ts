// Puts a compacted segment in the place of those that it was made of, on disk and in the log. Each
// step leaves a directory that opens: the new file is whole and durable before it takes the name of
// the first; it says which offsets it stands for, so that the others are known for replaced should
// they be there still, or come back; and they go only once the new name is durable.
//
//   <first>.cleaned ──rename──▶ <first>.seg ──directory synced──▶ the others removed
//
// Readers in the middle of the old file keep its handle; it is never opened by name again.
import { must } from '../../base/assert.ts'
import type { PartitionLog } from '../partition-log.ts'
import type { Segment } from '../segment.ts'
import type { CleanedFile } from './cleaned-file.ts'

/**
 * Replaces `sources`, neighbours in `log`, by `made`, whose file is finished. Returns false, having
 * changed nothing, when the log has let go of one of them or is closed. Throws what the disk says;
 * then the log is as it was, unless only the directory's sync failed: either file is right then.
 */
export async function replaceSegments(
  log: PartitionLog,
  sources: readonly Segment[],
  file: CleanedFile,
  made: Segment,
): Promise<boolean> {
  let isReplaced = false
  await log.alone(async () => {
    if (!holdsAll(log, sources)) return
    const { disk } = log.host
    const first = must(sources[0], 'A group has a segment')
    const others = sources.slice(1)
    const letGo = await first.bytes.hold()
    try {
      await disk.rename(file.path, file.target)
      isReplaced = true
      await disk.syncDirectory(first.bytes.directory)
    } finally {
      if (isReplaced) log.segments.splice(log.segments.indexOf(first), sources.length, made)
      letGo()
      if (isReplaced) for (const segment of sources) await segment.retire()
    }
    for (const segment of others) await segment.remove()
  })
  return isReplaced
}

/** Whether `sources` are still neighbours in the log, and it is open. */
export function holdsAll(log: PartitionLog, sources: readonly Segment[]): boolean {
  const at = log.segments.indexOf(must(sources[0], 'A group has a segment'))
  return !log.closed && at >= 0 && sources.every((segment, i) => log.segments[at + i] === segment)
}
