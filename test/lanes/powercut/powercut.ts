// Cuts the power of a broker's file system under load, again and again: the shutdown ioctl of ext4
// and XFS drops everything that was not synced, file contents and directory entries alike; then the
// broker is killed, the file system mounted again and the broker restarted on what is left.
// Producers of `fsync` topics must find every record they were told of; what `write` topics lose is
// counted.
//   node test/lanes/powercut/powercut.ts --file-system ext4|xfs [--rounds N] [--seed S]
//     [--check-every N]
// Needs root and loop devices; run.sh looks for both. Prints one JSON line.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Prng } from '../../../src/base/prng.ts'
import { BrokerProcess, Load, cli, freePort } from '../support/durability.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    size: { type: 'string', default: '1024' },
    'check-every': { type: 'string', default: '1' },
    'file-system': { type: 'string', default: 'ext4' },
  },
})
const rounds = Number(values.rounds)
const checkEvery = Number(values['check-every'])
const prng = new Prng(Number(values.seed))
const fileSystem = values['file-system']

const directory = mkdtempSync(join(tmpdir(), 'stratalog-powercut-'))
const image = join(directory, 'disk.img')
const mountPoint = join(directory, 'mnt')
const shutdown = fileURLToPath(new URL('shutdown.py', import.meta.url))

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

function makeFileSystem(): void {
  closeSync(openSync(image, 'w'))
  truncateSync(image, Number(values.size) * 1024 * 1024)
  run(`mkfs.${fileSystem}`, '-q', image)
  mkdirSync(mountPoint)
}

const mount = (): void => run('mount', '-o', 'loop', image, mountPoint)
const unmount = (): void => run('umount', mountPoint)

const broker = new BrokerProcess(join(mountPoint, 'data'), await freePort())
const sure = new Load('cut-fsync')
const weak = new Load('cut-write')
let broken = 0
let done = 0
let report: object[] = []
let mounted = false

const survived = (path: string): boolean => existsSync(path) && statSync(path).size > 0

async function verify(): Promise<void> {
  const found = await sure.verify(broker.bootstrap)
  const counted = await weak.verify(broker.bootstrap)
  report = [
    { mode: 'fsync', ...found },
    { mode: 'write', ...counted },
  ]
  broken += found.lost + found.twice + found.renamed
}

try {
  makeFileSystem()
  mount()
  mounted = true
  writeFileSync(join(mountPoint, 'canary'), 'not synced')
  await broker.start()
  const small = ['--config', 'segment.bytes=1048576', '--partitions', '3']
  for (const [load, mode] of [
    [sure, 'fsync'],
    [weak, 'write'],
  ] as const) {
    const config = ['--config', `ack.after=${mode}`, ...small]
    await cli(broker.bootstrap, ['topic', 'create', load.topic, ...config])
    await load.start(broker.bootstrap, 2, mode === 'fsync')
  }
  for (; done < rounds && broken === 0; done++) {
    await pause(200 + prng.below(1_500))
    run('python3', shutdown, mountPoint)
    await broker.stop('SIGKILL')
    unmount()
    mount()
    if (done === 0 && survived(join(mountPoint, 'canary'))) {
      throw new Error('What was never synced has survived: this power cut cuts nothing')
    }
    await broker.start()
    if ((done + 1) % checkEvery === 0) await verify()
  }
  await sure.stop()
  await weak.stop()
  await verify()
} catch (error) {
  broken++
  console.error(error instanceof Error ? error.stack : String(error))
  console.error(broker.errors)
} finally {
  await broker.stop('SIGKILL')
  if (mounted) unmount()
  if (broken === 0) rmSync(directory, { recursive: true, force: true })
  else console.error(`The disk image is kept in ${directory}`)
}
const counts = { rounds: done, seed: values.seed, broken, topics: report }
console.info(JSON.stringify({ lane: 'powercut', fileSystem, ...counts }))
process.exit(broken === 0 ? 0 : 1)
