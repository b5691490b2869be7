// `start`: runs a broker until a signal. Flags are only collected here; what they mean and what
// the defaults are is the settings table's charge. One line on stdout says that it serves.
import { Command, Option } from 'commander'
import { UsageError } from '../../base/errors.ts'
import type { Io } from '../io.ts'
import type { PeerAddress, Services, StartOptions } from '../services.ts'
import { hostPort, hostPortText, keyValue, wholeNumber } from '../values.ts'
import { collect } from './common.ts'

interface Flags {
  readonly dataDir?: string
  readonly kafka?: string
  readonly http?: string
  readonly nodeId?: string
  readonly cores?: string
  readonly clusterId?: string
  readonly peer: readonly string[]
  readonly internal?: string
  readonly rack?: string
  readonly store?: string
  readonly mirror: readonly string[]
  readonly set: readonly string[]
  readonly config?: string
}

/** The `start` command, which runs `startBroker` until SIGINT or SIGTERM. */
export function startCommand(io: Io, startBroker: NonNullable<Services['startBroker']>): Command {
  return (
    new Command('start')
      .description('run a broker; with no flags on loopback with data under ./data')
      .option('--data-dir <dir>', 'where data lies (./data)')
      .option('--kafka <host:port>', 'listener for Kafka clients (127.0.0.1:9092)')
      .option('--http <host:port>', 'listener for HTTP')
      .option('--node-id <n>', 'id of this broker, unique in its cluster')
      .option('--cluster-id <id>', 'refuse to join any other cluster')
      .option('--rack <name>', 'failure domain of this machine')
      .option('--store <url>', 'object store of tiered topics (file:// inside the data directory)')
      .option('--mirror <name=url>', 'another store that topics may name; repeatable', collect, [])
      .option('--set <key=value>', 'a setting by its dotted name; repeatable', collect, [])
      .option('--config <file>', 'settings in YAML')
      // Parsed, so that scripts need not change; listed once they are served.
      .addOption(new Option('--cores <n>').hideHelp())
      .addOption(new Option('--peer <id@host:port>').argParser(collect).default([]).hideHelp())
      .addOption(new Option('--internal <host:port>').hideHelp())
      .action(async (flags: Flags) => {
        const broker = await startBroker(startOptions(flags))
        const kafka = hostPortText(broker.kafka)
        await io.out.write(`ready kafka=${kafka} http=${hostPortText(broker.http)}\n`)
        const failure = await Promise.race([
          stopAsked(io.stopped),
          ...(broker.failed === undefined ? [] : [broker.failed]),
        ])
        await broker.close()
        if (failure !== null) throw failure
      })
  )
}

/** What the flags say, checked for form alone. */
export function startOptions(flags: Flags): StartOptions {
  const peers = flags.peer.map(peerAddress)
  return {
    settings: Object.fromEntries(flags.set.map((text) => keyValue(text, '--set'))),
    ...(flags.dataDir === undefined ? {} : { dataDir: flags.dataDir }),
    ...(flags.kafka === undefined ? {} : { kafka: hostPort(flags.kafka, '--kafka') }),
    ...(flags.http === undefined ? {} : { http: hostPort(flags.http, '--http') }),
    ...(flags.nodeId === undefined
      ? {}
      : { nodeId: wholeNumber(flags.nodeId, '--node-id', { least: 0, most: 0x7fffffff }) }),
    ...(flags.cores === undefined
      ? {}
      : { cores: wholeNumber(flags.cores, '--cores', { least: 1, most: 1024 }) }),
    ...(flags.clusterId === undefined ? {} : { clusterId: flags.clusterId }),
    ...(peers.length === 0 ? {} : { peers }),
    ...(flags.internal === undefined ? {} : { internal: hostPort(flags.internal, '--internal') }),
    ...(flags.rack === undefined ? {} : { rack: flags.rack }),
    ...(flags.store === undefined ? {} : { store: flags.store }),
    ...(flags.mirror.length === 0
      ? {}
      : { mirrors: Object.fromEntries(flags.mirror.map((text) => keyValue(text, '--mirror'))) }),
    ...(flags.config === undefined ? {} : { configFile: flags.config }),
  }
}

function peerAddress(text: string): PeerAddress {
  const match = /^(\d{1,10})@(.+)$/.exec(text)
  if (match === null) {
    throw new UsageError(`--peer takes ID@HOST:PORT such as 2@10.0.0.2:9093, not '${text}'`)
  }
  const nodeId = wholeNumber(match[1] ?? '', '--peer', { least: 0, most: 0x7fffffff })
  return { nodeId, ...hostPort(match[2] ?? '', '--peer') }
}

function stopAsked(stopped: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (stopped.aborted) resolve(null)
    else stopped.addEventListener('abort', () => resolve(null), { once: true })
  })
}
