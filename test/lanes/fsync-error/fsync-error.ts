// Lets the system fail one sync of a real broker, at every turn another, and looks at what it does:
// it must stop with a sentence and an exit code other than 0, and after a restart on a sound system
// every record that was acknowledged must be there. A sync that failed is never tried again,
// because the second one succeeds without having written anything.
//   node test/lanes/fsync-error/fsync-error.ts [--rounds N]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BrokerProcess, Load, cli, freePort } from '../support/durability.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } })
const rounds = Number(values.rounds)
const STOP_WITHIN_MS = 30_000

let broken = 0
let stopped = 0
for (let round = 0; round < rounds && broken === 0; round++) {
  const directory = mkdtempSync(join(tmpdir(), 'stratalog-fsync-'))
  const port = await freePort()
  const data = join(directory, 'data')
  const sound = new BrokerProcess(data, port)
  const error = round % 2 === 0 ? 'EIO' : 'ENOSPC'
  const when = 60 + round * 37
  const inject = `inject=fdatasync:error=${error}:when=${when}`
  const options = [
    '-f',
    '-qq',
    '-o',
    join(directory, 'trace'),
    '-e',
    'trace=fdatasync',
    '-e',
    inject,
  ]
  const failing = new BrokerProcess(data, port, ['strace', ...options])
  const load = new Load('failing')
  try {
    await sound.start()
    const topic = ['topic', 'create', load.topic, '--partitions', '3']
    await cli(sound.bootstrap, [...topic, '--config', 'ack.after=fsync'])
    await sound.stop('SIGTERM')
    await failing.start()
    await load.start(failing.bootstrap, 2)
    const code = await failing.ended(STOP_WITHIN_MS)
    if (code === null || code === 0) throw new Error(`After a failed sync: exit ${String(code)}`)
    if (failing.errors.trim() === '') throw new Error('It stopped without a word')
    stopped++
    await sound.start()
    await load.stop()
    const found = await load.verify(sound.bootstrap)
    console.info(JSON.stringify({ round, error, when, code, ...found }))
    broken += found.lost + found.twice
  } catch (failure) {
    broken++
    console.error(failure instanceof Error ? failure.stack : String(failure))
    console.error(failing.errors)
    load.abandon()
  } finally {
    await failing.stop('SIGKILL')
    await sound.stop('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}
console.info(JSON.stringify({ lane: 'fsync-error', rounds, stopped, broken }))
process.exit(broken === 0 ? 0 : 1)
