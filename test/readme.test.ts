// The README is executed: its examples run in a clean clone of what is committed, in order, against
// the broker that its own first example starts. Ports are picked by the system, so that the test
// runs beside anything. `npm ci` is answered by a link to the modules that are here, unless
// STRATALOG_README=full asks for the real one (see test/lanes/clone).
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { examples, fencedBlocks } from './readme.ts'
import type { Example } from './readme.ts'
import { runCli } from './cli/harness.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(repository, 'README.md'), 'utf8')
const full = process.env['STRATALOG_README'] === 'full'
const START_MS = full ? 300_000 : 60_000

describe('README.md', () => {
  test('lists each dependency with a reason, and no other', () => {
    const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    const section = readme.slice(readme.indexOf('## Dependencies'))
    const listed = [...section.matchAll(/^\| `([^`]+)` \| (.{10,}) \|$/gm)].map(([, name]) => name)
    expect(listed).toEqual(Object.keys(dependencies).sort())
  })

  test('names only commands that there are', async () => {
    const section = readme.slice(readme.indexOf('## Command line'), readme.indexOf('## Settings'))
    const rows = [...section.matchAll(/^\| `([a-z]+)( [a-z]+)?[^`]*` \|/gm)]
    expect(rows.length).toBeGreaterThan(10)
    for (const [, command = '', second = ''] of rows) {
      const words = [command, ...second.trim().split(' ').filter(Boolean), '--help']
      const unused = () => Promise.reject(new Error('help starts nothing'))
      const services = {
        ...{ startBroker: unused, explainConfig: unused, recordTools: unused, decoders: unused },
        tier: unused,
      }
      const { code, out } = await runCli(words, { services })
      expect(code, words.join(' ')).toBe(0)
      expect(out).toContain(`Usage: stratalog ${words.slice(0, -1).join(' ')}`)
    }
  })

  test('links only to files that there are', () => {
    for (const file of ['README.md', 'docs/architecture.md']) {
      const text = readFileSync(join(repository, file), 'utf8')
      for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)\)/g)) {
        if (target.startsWith('http')) continue
        expect(existsSync(join(repository, dirname(file), target)), `${file}: ${target}`).toBe(true)
      }
    }
  })

  test('closes its blocks, and states outputs only of examples', () => {
    const blocks = fencedBlocks(readme)
    for (const [index, block] of blocks.entries()) {
      if (!block.words.includes('output')) continue
      expect(blocks[index - 1]?.words, `line ${String(block.line)}`).toContain('run')
    }
  })
})

describe.skipIf(!existsSync(join(repository, 'src/main.ts')))('README.md in a clean clone', () => {
  let folder: string
  let clone: string
  let broker: Broker | null = null

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'stratalog-readme-')))
    clone = join(folder, 'clone')
    const cloned = spawnSync('git', ['clone', '--quiet', '--no-hardlinks', repository, clone], {
      encoding: 'utf8',
    })
    expect(cloned.stderr).toBe('')
    if (!full) {
      await symlink(await realpath(join(repository, 'node_modules')), join(clone, 'node_modules'))
      await mkdir(join(folder, 'bin'))
      await writeFile(join(folder, 'bin/npm'), NPM_WITHOUT_CI)
      await chmod(join(folder, 'bin/npm'), 0o755)
    }
  })

  afterAll(async () => {
    await broker?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  function environment(): Record<string, string> {
    // As a user's shell: nothing of this test run's own npm and vitest in it.
    const path = process.env['PATH'] ?? ''
    const outside = path.split(':').filter((place) => !place.includes('node_modules'))
    return {
      PATH: [join(folder, 'bin'), ...outside].join(':'),
      HOME: process.env['HOME'] ?? folder,
      ...(broker === null ? {} : { STRATALOG_BOOTSTRAP: broker.bootstrap }),
    }
  }

  for (const example of examples(readme)) {
    const { block } = example
    const name = `example at line ${String(block.line)}: ${block.text.trim().split('\n')[0] ?? ''}`
    test(name, { timeout: START_MS + 30_000 }, async () => {
      if (block.words.includes('background')) {
        broker = await startBroker(withFreePorts(block.text), clone, environment())
        return
      }
      const done = await runExample(example, clone, environment())
      // A client's library may warn on stderr; ours says nothing there unless it fails.
      if (block.language === 'sh') expect(done.err).toBe('')
      expect(done.code, done.err).toBe(0)
      if (example.output !== null) expect(done.out).toBe(example.output)
    })
  }

  test('ends the broker by SIGTERM with exit code 0', { timeout: 60_000 }, async () => {
    expect(await broker?.stop()).toBe(0)
    broker = null
  })
})

/** Stands in for npm: `npm ci` has been done. Everything else is the real one's. */
const NPM_WITHOUT_CI = `#!/bin/sh
[ "$1" = ci ] && exit 0
PATH=\${PATH#*:}
exec npm "$@"
`

interface Broker {
  readonly bootstrap: string
  /** Sends SIGTERM and resolves with the exit code. */
  stop(): Promise<number | null>
}

/** The same command on ports that are free. */
function withFreePorts(command: string): string {
  expect(command).toContain('npm start')
  return command.replace('npm start', 'npm start -- --kafka 127.0.0.1:0 --http 127.0.0.1:0')
}

async function startBroker(
  command: string,
  cwd: string,
  env: Record<string, string>,
): Promise<Broker> {
  const shell = spawn('sh', ['-c', command], {
    ...{ cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  }) as ChildProcess
  let out = ''
  let err = ''
  const exited = new Promise<number | null>((resolve) => shell.once('exit', resolve))
  const ready = new Promise<string>((resolve, reject) => {
    shell.stderr?.on('data', (chunk: Uint8Array) => (err += String(chunk)))
    shell.stdout?.on('data', (chunk: Uint8Array) => {
      out += String(chunk)
      const line = /^ready kafka=(\S+) http=\S+$/m.exec(out)
      if (line?.[1] !== undefined) resolve(line[1])
    })
    setTimeout(() => reject(new Error(`no ready line in time:\n${out}${err}`)), START_MS).unref()
    void exited.then(() => reject(new Error(`the broker ended:\n${out}${err}`)))
  })
  const stop = (): Promise<number | null> => {
    // The broker alone, below npm and its shells: their exit code is then its exit code.
    if (shell.pid !== undefined && shell.exitCode === null) {
      process.kill(youngestBelow(shell.pid), 'SIGTERM')
    }
    return exited
  }
  try {
    return { bootstrap: await ready, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * The last process of the chain that `pid` has started; all of its group (-pid) where
 * the system does not tell.
 */
function youngestBelow(pid: number): number {
  let youngest = pid
  for (;;) {
    const children = `/proc/${String(youngest)}/task/${String(youngest)}/children`
    if (!existsSync(children)) return -pid
    const [child] = readFileSync(children, 'utf8').trim().split(' ').map(Number)
    if (child === undefined || child === 0) return youngest
    youngest = child
  }
}

async function runExample(
  { block }: Example,
  cwd: string,
  env: Record<string, string>,
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const options = { cwd, env, encoding: 'utf8', timeout: 60_000 } as const
  let done
  if (block.language === 'js') {
    await writeFile(join(cwd, 'example.mjs'), block.text)
    done = spawnSync(process.execPath, ['example.mjs'], options)
  } else {
    done = spawnSync('sh', ['-euc', block.text], options)
  }
  return { code: done.status, out: done.stdout, err: done.stderr }
}
