// DescribeLogDirs (35), versions 1-5: how many bytes this broker holds of each partition. v2
// flexible · v3 top-level error · v4 room on the volume · v5 cordoned directories, of which there
// are none. A broker has one directory.
import type { ClusterImage, TopicImage } from '../../cluster/image.ts'
import type { Partition } from '../../replication/partition.ts'
import type {
  DescribeLogDirsPartition,
  DescribeLogDirsRequest,
  DescribeLogDirsResponse,
} from '../../wire/messages/35-describe-log-dirs.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'

/** What the handler needs. */
export interface DescribeLogDirsDeps {
  readonly image: () => ClusterImage
  /** The partition, opened if need be: one that nobody has used since the start is held too. */
  readonly partition: (topicId: string, index: number) => Promise<Partition | undefined>
  /** Absolute path of the data directory. */
  readonly directory: string
  /** Size of its volume and what is free of it, in bytes; -1 where that cannot be known. */
  readonly volume: () => Promise<{ readonly totalBytes: number; readonly usableBytes: number }>
}

const held = async (
  deps: DescribeLogDirsDeps,
  topic: TopicImage,
  wanted: readonly number[] | null,
): Promise<DescribeLogDirsPartition[]> => {
  const indexes = wanted === null ? [...topic.partitions.keys()] : [...new Set(wanted)]
  const partitions: DescribeLogDirsPartition[] = []
  for (const index of indexes.sort((a, b) => a - b)) {
    const partition = await deps.partition(topic.id, index)
    if (partition === undefined) continue
    const partitionSize = partition.sizeBytes
    partitions.push({ partitionIndex: index, partitionSize, offsetLag: 0, isFutureKey: false })
  }
  return partitions
}

/** Answers DescribeLogDirs. */
export const describeLogDirs =
  (deps: DescribeLogDirsDeps): Handler<DescribeLogDirsRequest, Input<DescribeLogDirsResponse>> =>
  async (request) => {
    const volume = await deps.volume()
    const image = deps.image()
    const wanted = new Map(request.topics?.map(({ topic, partitions }) => [topic, partitions]))
    const names = request.topics === null ? image.topicNames() : [...wanted.keys()]
    const topics: { name: string; partitions: DescribeLogDirsPartition[] }[] = []
    for (const name of names) {
      const topic = image.topicByName(name)
      if (topic === undefined) continue
      const partitions = await held(deps, topic, wanted.get(name) ?? null)
      if (partitions.length > 0) topics.push({ name, partitions })
    }
    return { results: [{ logDir: deps.directory, topics, ...volume }] }
  }
