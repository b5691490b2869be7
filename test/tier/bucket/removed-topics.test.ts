import { expect, it } from 'vitest'
import { openMemoryStore } from '../../../adapters/object-store/memory.ts'
import { OperatingError } from '../../../src/base/errors.ts'
import { RemovedTopics } from '../../../src/tier/bucket/removed-topics.ts'
import { goneKey, topicPrefix } from '../../../src/tier/keys.ts'
import { Scheduler, SimClock } from '../../sim/clock.ts'

const TOPIC = '0b9b4f5e-6f5c-4c5e-9d7a-2f4e1a6b8c0d'

it('RemovedTopics says once that nothing may be deleted, and goes on once it may', async () => {
  const scheduler = new Scheduler()
  const store = openMemoryStore()
  const segment = `${topicPrefix(TOPIC)}0/seg/a`
  await store.put(segment, new Uint8Array(1))
  let allowed = false
  let attempts = 0
  const said: string[] = []
  const removed = new RemovedTopics(
    {
      store: {
        traits: store.traits,
        put: (key, body, options) => store.put(key, body, options),
        get: (key, options) => store.get(key, options),
        head: (key, call) => store.head(key, call),
        list: (options) => store.list(options),
        delete: async (keys, call) => {
          attempts++
          if (!allowed)
            throw new OperatingError('refused', `Cannot delete ${keys.join()}: grant it`)
          await store.delete(keys, call)
        },
        close: () => store.close(),
      },
      clock: new SimClock(scheduler),
      telemetry: { log: (level, event) => void said.push(`${level} ${event}`) },
      background: () => undefined,
      isOurs: () => Promise.resolve(true),
    },
    1_000,
  )
  removed.add(TOPIC)
  removed.start(100)
  await scheduler.advance(3_600_000)
  expect(said).toEqual(['warn cannot remove archives of deleted topics'])
  // Ten rounds until the pauses are a minute long, then one a minute.
  expect(attempts).toBeGreaterThan(60)
  expect(attempts).toBeLessThan(80)
  expect(await store.head(goneKey(TOPIC))).not.toBeNull()

  allowed = true
  await scheduler.advance(180_000)
  expect(said.slice(1)).toEqual(['info archives of deleted topics go again'])
  expect(removed.size).toBe(0)
  expect(await store.head(segment)).toBeNull()
  expect(await store.head(goneKey(TOPIC))).toBeNull()
  await removed.close()
})
