// Apache Kafka as a target: one process that is broker and controller, from Maven's packages, with
// the JVM options of Kafka's own start script and a heap of 1 GiB. The packages are fetched once
// into a directory of the system's temporary files and stay there for the next run.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exists, freePort, makeDirectory, removeDirectory } from '../process.ts'
import { run, sleep, startListening } from '../process.ts'
import { dropTopic, makeTopic } from '../targets/ours.ts'
import type { Target } from '../targets/target.ts'

const VERSION = '4.3.1'
const HEAP = '1G'
const GARBAGE = [
  ...['-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'],
  '-XX:InitiatingHeapOccupancyPercent=35',
]
/** Until the controller has taken the broker in; topics cannot be made before. */
const SETTLE_MS = 2000

/** Kafka's packages on this machine. */
export class KafkaHome {
  readonly #home: string

  private constructor(home: string) {
    this.#home = home
  }

  /** Fetches the packages unless they are there; null without Java or Maven. */
  static async open(): Promise<KafkaHome | null> {
    if (!(await exists('java', '-version'))) return null
    const home = join(tmpdir(), `stratalog-bench-kafka-${VERSION}`)
    const complete = join(home, 'complete')
    if (!existsSync(complete)) {
      if (!(await exists('mvn', '-version'))) return null
      mkdirSync(home, { recursive: true })
      const pom = fileURLToPath(new URL('pom.xml', import.meta.url))
      const jars = `-DoutputDirectory=${join(home, 'jars')}`
      const scope = '-DincludeScope=runtime'
      await run(['mvn', '-q', '-B', '-f', pom, 'dependency:copy-dependencies', jars, scope])
      writeFileSync(complete, '')
    }
    return new KafkaHome(home)
  }

  /** Runs one of Kafka's programs to its end; returns what it printed. */
  tool(main: string, words: readonly string[]): Promise<string> {
    return run([...this.#java(['-Xmx512M']), main, ...words])
  }

  /** Starts a broker; `settings` go into its properties. */
  async start(parent: string, settings: Readonly<Record<string, string>> = {}): Promise<Target> {
    const directory = makeDirectory(parent)
    const port = await freePort()
    const controller = await freePort()
    const properties = join(directory, 'server.properties')
    const lines = Object.entries({ ...propertiesOf({ directory, port, controller }), ...settings })
    writeFileSync(properties, lines.map(([name, value]) => `${name}=${value}\n`).join(''))
    const id = await this.#newId()
    await this.tool('kafka.tools.StorageTool', [
      ...['format', '--cluster-id', id, '--config', properties],
      ...['--initial-controllers', `1@127.0.0.1:${String(controller)}:${await this.#newId()}`],
    ])
    const began = performance.now()
    const running = await startListening(
      [...this.#java([`-Xms${HEAP}`, `-Xmx${HEAP}`, ...GARBAGE]), 'kafka.Kafka', properties],
      port,
    )
    const readyMs = performance.now() - began
    await sleep(SETTLE_MS)
    return {
      system: 'kafka',
      port,
      pid: running.pid,
      directory,
      readyMs,
      makeTopic: (topic) => {
        const isDurable = topic.ackAfter === 'fsync'
        return makeTopic(port, topic, isDurable ? { 'flush.messages': '1' } : {})
      },
      dropTopic: (name) => dropTopic(port, name),
      stop: running.stop,
      remove: async () => {
        await running.stop()
        removeDirectory(directory)
      },
    }
  }

  async #newId(): Promise<string> {
    const printed = await this.tool('kafka.tools.StorageTool', ['random-uuid'])
    return printed.trim().split('\n').at(-1) ?? ''
  }

  #java(options: readonly string[]): string[] {
    return ['java', ...options, '-cp', join(this.#home, 'jars', '*')]
  }
}

function propertiesOf(place: {
  readonly directory: string
  readonly port: number
  readonly controller: number
}): Record<string, string> {
  const plain = `PLAINTEXT://127.0.0.1:${String(place.port)}`
  const controller = `127.0.0.1:${String(place.controller)}`
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.bootstrap.servers': controller,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: `${plain},CONTROLLER://${controller}`,
    'advertised.listeners': `${plain},CONTROLLER://${controller}`,
    'log.dirs': join(place.directory, 'data'),
    // Deleted topics leave the disk at once, so that runs do not add up.
    'log.segment.delete.delay.ms': '1000',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
  }
}
