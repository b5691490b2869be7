// Kills a broker under load again and again, at random moments, and compares what its producers
// were told with what it has after each restart:
//   node test/lanes/kill/kill.ts [--rounds N] [--seed S] [--check-every N]
// A killed process loses nothing that reached the system, so topics that acknowledge after `fsync`
// and after `write` must be whole; for `memory` the loss is only counted. Prints one JSON line.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Prng } from '../../../src/base/prng.ts'
import { BrokerProcess, Load, cli, freePort } from '../support/durability.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    'check-every': { type: 'string', default: '20' },
  },
})
const rounds = Number(values.rounds)
const checkEvery = Number(values['check-every'])
const prng = new Prng(Number(values.seed))
const MODES = ['fsync', 'write', 'memory'] as const

const directory = mkdtempSync(join(tmpdir(), 'stratalog-kill-'))
const broker = new BrokerProcess(join(directory, 'data'), await freePort())
const loads = MODES.map((mode) => new Load(`kill-${mode}`))
let broken = 0
let report: object[] = []

async function verify(): Promise<void> {
  report = []
  for (const [i, load] of loads.entries()) {
    const mode = MODES[i] ?? 'fsync'
    const found = await load.verify(broker.bootstrap)
    report.push({ mode, ...found })
    if (mode !== 'memory') broken += found.lost + found.twice + found.renamed
  }
}

let done = 0
try {
  await broker.start()
  for (const [i, load] of loads.entries()) {
    const small = ['--config', 'segment.bytes=1048576', '--partitions', '3']
    const config = ['--config', `ack.after=${MODES[i] ?? 'fsync'}`, ...small]
    await cli(broker.bootstrap, ['topic', 'create', load.topic, ...config])
    await load.start(broker.bootstrap, 2, MODES[i] !== 'memory')
  }
  for (; done < rounds && broken === 0; done++) {
    await pause(50 + prng.below(1_500))
    await broker.stop('SIGKILL')
    await broker.start()
    if ((done + 1) % checkEvery === 0) await verify()
  }
  await Promise.all(loads.map((load) => load.stop()))
  await verify()
  const code = await broker.stop('SIGTERM')
  if (code !== 0) throw new Error(`A clean stop ends with ${String(code)}: ${broker.errors}`)
} catch (error) {
  broken++
  console.error(error instanceof Error ? error.stack : String(error))
  console.error(broker.errors)
} finally {
  await broker.stop('SIGKILL')
  if (broken === 0) rmSync(directory, { recursive: true, force: true })
  else console.error(`The data is kept in ${directory}`)
}
console.info(
  JSON.stringify({ lane: 'kill', rounds: done, seed: values.seed, broken, topics: report }),
)
process.exit(broken === 0 ? 0 : 1)
