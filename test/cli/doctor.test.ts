// `tier doctor` as a user runs it, on Azurite: a container that is well, one that is not there, and
// a key that is wrong.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openObjectStore } from '../../adapters/object-store/open.ts'
import { must } from '../../src/base/assert.ts'
import type { Services } from '../../src/cli/services.ts'
import { services } from '../../src/cli/wiring.ts'
import { startStoreServer, type StoreServer } from '../stores/server.ts'
import { runCli } from './harness.ts'

let server: StoreServer
beforeAll(async () => {
  server = await startStoreServer('azurite')
})
afterAll(() => server.stop())

/** The services of this build, with other credentials than those of this process. */
const servicesWith = (environment: Readonly<Record<string, string>>): Services => ({
  ...services,
  tier: async () => ({
    ...(await must(services.tier, 'a service')()),
    openStore: (url) => openObjectStore(url, environment),
  }),
})

test('tier doctor finds nothing wrong with Azurite, and leaves nothing there', async () => {
  const services = servicesWith(server.environment)
  const run = await runCli(['tier', 'doctor', '--store', server.url], { services })
  expect(run.err).toBe('')
  expect(run.code).toBe(0)
  const lines = run.out.trimEnd().split('\n')
  expect(lines.length).toBe(12)
  for (const line of lines) expect(line).toMatch(/^ok {4}\w/)
  expect(run.out).toContain('a signed URL reads without credentials')
  expect(run.out).toContain('the store compares checksums')
  const store = await openObjectStore(server.url, server.environment)
  expect((await store.list({ prefix: '', limit: 10 })).objects).toEqual([])
  await store.close()
})

test('tier doctor says of an absent container what to do', async () => {
  const services = servicesWith(server.environment)
  const absent = server.url.replace('container?', 'absent?')
  const run = await runCli(['tier', 'doctor', '--store', absent, '--json'], { services })
  expect(run.code).toBe(1)
  expect(JSON.parse(run.out)).toMatchObject([
    { check: 'bucket', verdict: 'no', text: expect.stringContaining('create it') as string },
  ])
  expect(run.err).toContain('az://devstoreaccount1/absent lacks something that the tier needs')
})

test('tier doctor says of wrong credentials what to check', async () => {
  const services = servicesWith(must(server.wrongEnvironment, 'wrong ones'))
  const run = await runCli(['tier', 'doctor', '--store', server.url], { services })
  expect(run.code).toBe(1)
  expect(run.out).toMatch(/^no {4}bucket .*(credentials)/)
})
