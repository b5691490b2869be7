// A broker in this process for the tests of clients, with names that no other test uses.
import { randomUUID } from 'node:crypto'
import type { RunningBroker } from '../../src/main.ts'
import { startBroker } from '../../src/main.ts'

/** Starts a broker in memory on ports of its own. */
export const brokerForTests = (): Promise<RunningBroker> => startBroker({ memory: true })

/** `127.0.0.1:PORT`, as clients take it. */
export const addressOf = ({ kafka }: RunningBroker): string => `${kafka.host}:${kafka.port}`

/** A name that is used once. */
export const nameOf = (what: string): string => `${what}-${randomUUID().slice(0, 8)}`

/** One record, as every client has it in its own words. */
export interface Sample {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer>>
}

const every = Buffer.from(Array.from({ length: 1024 }, (_, i) => i & 0xff))

/** Records that differ in all that a record can differ in. */
export const samples: readonly Sample[] = [
  { key: Buffer.from('k'), value: Buffer.from('v'), headers: {} },
  { key: null, value: Buffer.from('no key'), headers: {} },
  { key: Buffer.from('null value'), value: null, headers: {} },
  { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: { empty: Buffer.alloc(0) } },
  { key: every, value: every, headers: { one: Buffer.from('1'), ключ: Buffer.from('値') } },
  { key: Buffer.from('long'), value: Buffer.alloc(100_000, 'x'), headers: {} },
]

/** What `samples` are after a round trip, in text that a failed assertion can show. */
export const shown = ({ key, value, headers }: Sample): string =>
  JSON.stringify([
    key?.toString('hex') ?? null,
    value === null
      ? null
      : value.length > 200
        ? `${value.length} ${sum(value)}`
        : value.toString('hex'),
    Object.entries(headers).map(([name, bytes]) => [name, bytes.toString('hex')]),
  ])

const sum = (bytes: Buffer): number => bytes.reduce((all, byte) => (all * 31 + byte) >>> 0, 7)

/** Waits until `done` holds; the test's own time limit ends it. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setImmediate(resolve))
}
