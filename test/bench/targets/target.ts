// What a row talks to: something that listens for Kafka clients and has topics. Three kinds are
// made beside this file: the bare server, our broker, and Kafka.
import { fileURLToPath } from 'node:url'

/** When a batch is acknowledged; Kafka's `write` is its page cache and `fsync` flush.messages=1. */
export type AckAfter = 'memory' | 'write' | 'fsync'

/** The names of the systems, in the order in which they take turns. */
export const SYSTEMS = ['bare', 'ours', 'kafka'] as const

/** The name of one system. */
export type System = (typeof SYSTEMS)[number]

/** A server that runs. */
export interface Target {
  readonly system: System
  readonly port: number
  readonly pid: number
  /** Where its files lie. */
  readonly directory: string
  /** Milliseconds from its start until it served. */
  readonly readyMs: number
  makeTopic(topic: TopicSpec): Promise<void>
  dropTopic(name: string): Promise<void>
  /** Ends it; its files stay until `remove`. */
  stop(how?: { readonly kill: boolean }): Promise<void>
  /** Ends it and removes its files. */
  remove(): Promise<void>
}

/** A topic of one row. */
export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  readonly ackAfter: AckAfter
  readonly settings?: Readonly<Record<string, string>>
}

/** The repository's root, from where programs are started. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** The launcher of our program. */
export const STRATALOG = `${ROOT}bin/stratalog`
