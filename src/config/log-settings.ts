// The broker settings that topics inherit. Type, default, bounds and reason are those of the topic
// setting, told once in topic-settings.ts; here are only the names under which Kafka's brokers
// have them, and the hours and minutes that Kafka keeps beside milliseconds. All of them may be
// altered while the broker runs. A default stands at one name only: hours, where Kafka has hours.
import type { Setting } from './setting.ts'
import { rowsOf } from './setting.ts'
import { TOPIC_SETTINGS } from './topic-settings.ts'

const int = rowsOf('int')
const long = rowsOf('long')
const boolean = rowsOf('boolean')
const double = rowsOf('double')

/** Names that take whole hours or minutes, and names whose default is told elsewhere. */
const others: readonly Setting[] = [
  int('log.retention.hours', 168, 'Hours for retention.ms where no smaller unit is set.', {
    min: -1,
    max: 2_000_000_000,
    dynamic: true,
  }),
  int('log.retention.minutes', null, 'Minutes for retention.ms where no milliseconds are set.', {
    min: -1,
    dynamic: true,
  }),
  int('log.roll.hours', 168, 'Hours for segment.ms where no milliseconds are set.', {
    min: 1,
    dynamic: true,
  }),
  int('log.roll.jitter.hours', 0, 'Hours for segment.jitter.ms where no milliseconds are set.', {
    min: 0,
    dynamic: true,
    noEffect: 'Sealing writes only a trailer, so there is no burst to spread.',
  }),
  long('log.retention.check.interval.ms', 300_000, 'How often retention looks for old segments.', {
    min: 1,
  }),
  boolean('log.cleaner.enable', 'true', 'Whether compacted topics are compacted.'),
  long(
    'log.cleaner.dedupe.buffer.size',
    134_217_728,
    'Memory for keys while compacting, at most.',
    {
      min: 1024,
      dynamic: true,
    },
  ),
  double('log.cleaner.io.buffer.load.factor', 0.9, 'How full the memory for keys may be.', {
    min: 0.01,
    max: 1,
    dynamic: true,
  }),
  double(
    'log.cleaner.io.max.bytes.per.second',
    Number.MAX_VALUE,
    'Bytes that compaction reads and writes in a second.',
    { min: 1, dynamic: true },
  ),
  int('log.cleaner.io.buffer.size', 524_288, 'Memory for reading and writing.', {
    min: 0,
    dynamic: true,
    noEffect: 'Compaction reads pieces of 64 KiB, or whole batches if they are larger.',
  }),
  int('log.cleaner.threads', 1, 'Threads that compact.', {
    min: 1,
    dynamic: true,
    noEffect: 'One process is one thread; compaction works in short slices beside the clients.',
  }),
  long('log.cleaner.backoff.ms', 15_000, 'How long compaction rests when there is nothing to do.', {
    min: 0,
    dynamic: true,
  }),
]

/** Names whose value is null until somebody sets it, because a larger unit holds the default. */
const WITHOUT_DEFAULT = new Set(['log.retention.ms', 'log.roll.ms', 'log.roll.jitter.ms'])

const inherited = (): Setting[] => {
  const taken = new Set(others.map(({ name }) => name))
  const rows: Setting[] = []
  for (const topic of TOPIC_SETTINGS) {
    for (const { name } of topic.synonyms ?? []) {
      if (taken.has(name)) continue
      taken.add(name)
      const { synonyms: _, ...rest } = topic
      const fallback = WITHOUT_DEFAULT.has(name) ? null : topic.default
      const doc = `Value of ${topic.name} for topics that do not set it.`
      rows.push({ ...rest, name, default: fallback, doc, dynamic: true })
    }
  }
  return rows
}

/** The broker settings that stand behind topic settings. */
export const LOG_SETTINGS: readonly Setting[] = [...others, ...inherited()]
