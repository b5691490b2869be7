// What the command line needs from the rest of the program, as shapes: a broker to start, settings
// to explain, decoders of our files. The entry point wires them; a command whose service is
// absent is not listed, so that the help never names what does not work.
import type { Restored } from '../broker/tier/restore.ts'
import type { ExplainedSetting } from '../config/explain.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import type { RecordTools } from '../record/section.ts'
import type { HostPort } from './values.ts'

/** What `start` was told by its flags. What is absent comes from file, environment or default. */
export interface StartOptions {
  readonly dataDir?: string
  readonly kafka?: HostPort
  readonly http?: HostPort
  readonly nodeId?: number
  readonly cores?: number
  readonly clusterId?: string
  readonly peers?: readonly PeerAddress[]
  readonly internal?: HostPort
  readonly rack?: string
  readonly store?: string
  readonly mirrors?: Readonly<Record<string, string>>
  /** `--set name=value`: settings by their dotted names, the last of a name wins. */
  readonly settings: Readonly<Record<string, string>>
  readonly configFile?: string
}

/** Another broker of the cluster, by its node id. */
export interface PeerAddress extends HostPort {
  readonly nodeId: number
}

/** A broker that serves. */
export interface RunningBroker {
  readonly kafka: HostPort
  readonly http: HostPort
  /** Drains and flushes; idempotent. */
  close(): Promise<void>
  /** Resolves with the reason when the broker has to stop by itself. */
  readonly failed?: Promise<Error>
}

/**
 * One line of a dump: names and values in the order to print, first `what` it is. An object is
 * printed as JSON. A row whose `what` is `damage` says which bytes are not as they were written.
 */
export type DumpRow = Readonly<Record<string, string | number | boolean | null | object>>

/** How much of a file to tell. */
export interface DumpOptions {
  /** Also what indexes, producer snapshots and the like hold. */
  readonly verbose: boolean
}

/** A reader of one of our file formats. */
export interface FileDecoder {
  /** What the format is called, e.g. `segment`. */
  readonly name: string
  /** Whether the file is of this format, by its name and its first (up to 4096) bytes. */
  matches(name: string, head: Uint8Array): boolean
  /**
   * Reads the file at `path` from its start to its end in bounded memory. Damage is a row and no
   * end: what can be read behind it follows. Throws OperatingError when the file cannot be read.
   */
  dump(path: string, options: DumpOptions): AsyncIterable<DumpRow>
}

/** What the commands on object stores work with. */
export interface TierTools {
  readonly crypto: Crypto
  readonly clock: Clock
  /** Opens a store by its URL. Throws UsageError or `refused` with a sentence. */
  openStore(url: string): Promise<ObjectStore>
  /** Builds a data directory from a bucket; `told` hears what was skipped. */
  restore(
    store: ObjectStore,
    into: { readonly dataDir: string; readonly nodeId: number },
    told: (sentence: string) => void,
  ): Promise<Restored>
}

/** What the entry point wires. */
export interface Services {
  startBroker?(options: StartOptions): Promise<RunningBroker>
  explainConfig?(options: {
    readonly configFile?: string
    readonly settings: Readonly<Record<string, string>>
  }): Promise<readonly ExplainedSetting[]>
  tier?(): Promise<TierTools>
  decoders?(): Promise<readonly FileDecoder[]>
  /** Checksums and codecs of the platform, for commands that make or read record batches. */
  recordTools?(): Promise<RecordTools>
}
