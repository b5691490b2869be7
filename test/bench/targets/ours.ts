// Our broker as a target, started as a user starts it: the launcher, a data directory, two
// listeners and settings by name. Topics are made through the command line as well.
import { makeDirectory, removeDirectory, run, start } from '../process.ts'
import { ROOT, STRATALOG } from './target.ts'
import type { Target, TopicSpec } from './target.ts'

/** How a broker is started; a directory that is given is used again and never removed here. */
export interface OurOptions {
  readonly parent: string
  readonly directory?: string
  readonly settings?: Readonly<Record<string, string>>
}

/** Starts our broker and waits until it serves. */
export async function startOurs(options: OurOptions): Promise<Target> {
  const directory = options.directory ?? makeDirectory(options.parent)
  const settings = Object.entries(options.settings ?? {})
  const began = performance.now()
  const { running, match } = await start(
    [
      ...[STRATALOG, 'start', '--data-dir', directory],
      ...['--kafka', '127.0.0.1:0', '--http', '127.0.0.1:0'],
      ...settings.flatMap(([name, value]) => ['--set', `${name}=${value}`]),
    ],
    { ready: /ready kafka=[^\s:]+:(\d+)/, cwd: ROOT },
  )
  const readyMs = performance.now() - began
  const port = Number(match[1])
  return {
    system: 'ours',
    port,
    pid: running.pid,
    directory,
    readyMs,
    makeTopic: (topic) => makeTopic(port, topic, { 'ack.after': topic.ackAfter }),
    dropTopic: (name) => dropTopic(port, name),
    stop: running.stop,
    remove: async () => {
      await running.stop()
      if (options.directory === undefined) removeDirectory(directory)
    },
  }
}

/** Makes a topic on any broker of the Kafka protocol. */
export async function makeTopic(
  port: number,
  topic: TopicSpec,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  await run(
    [
      ...[STRATALOG, 'topic', 'create', topic.name, '--partitions', String(topic.partitions)],
      ...['--bootstrap', `127.0.0.1:${String(port)}`],
      ...Object.entries({ ...settings, ...topic.settings }).flatMap(([name, value]) => [
        '--config',
        `${name}=${value}`,
      ]),
    ],
    ROOT,
  )
}

/** Deletes a topic on any broker of the Kafka protocol. */
export async function dropTopic(port: number, name: string): Promise<void> {
  const words = [STRATALOG, 'topic', 'delete', name]
  await run([...words, '--bootstrap', `127.0.0.1:${String(port)}`], ROOT)
}
