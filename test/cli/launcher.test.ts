// bin/stratalog: which file it runs on which runtime, from wherever it is called. Uses copies of
// the launcher in folders of the shapes that it must recognise, and the real one for the runtimes.
import { spawn, spawnSync } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startCluster } from './fake-answers.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const launcher = join(repository, 'bin/stratalog')
const ECHO = 'console.log(JSON.stringify([import.meta.filename, ...process.argv.slice(2)]))\n'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratalog launcher '))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), text)
}

/** A folder of a package with the launcher in it; returns the launcher's path. */
async function install(root: string, main: string, code = ECHO): Promise<string> {
  await put(join(root, main), code)
  await put(join(root, 'package.json'), '{"type":"module"}')
  const bin = join(folder, root, 'bin/stratalog')
  await mkdir(dirname(bin), { recursive: true })
  await copyFile(launcher, bin)
  await chmod(bin, 0o755)
  return bin
}

async function linkNode(place: string): Promise<void> {
  await mkdir(join(folder, place), { recursive: true })
  await symlink(process.execPath, join(folder, place, 'node'))
}

function call(bin: string, words: readonly string[], env: Record<string, string> = {}) {
  const done = spawnSync(bin, words, {
    cwd: tmpdir(),
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', ...env },
  })
  return { code: done.status, out: done.stdout, err: done.stderr }
}

/** The real launcher, while this process goes on serving. */
function callAside(words: readonly string[], runtime: string, input: string) {
  const env = { PATH: '/usr/bin:/bin', STRATALOG_RUNTIME: runtime }
  const child = spawn(launcher, words, { cwd: tmpdir(), env })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Uint8Array) => (out += String(chunk)))
  child.stderr.on('data', (chunk: Uint8Array) => (err += String(chunk)))
  child.stdin.end(input)
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })))
}

describe('bin/stratalog', () => {
  test('runs the sources of a clone on the Node installed with it', async () => {
    const bin = await install('clone', 'src/cli/main.ts', `const a: number = 1; void a; ${ECHO}`)
    await linkNode('clone/node_modules/.bin')
    const { out, err } = call(bin, ['topic', 'a b', '', '--x=*'])
    expect(err).toBe('')
    const main = join(folder, 'clone/src/cli/main.ts')
    expect(JSON.parse(out)).toEqual([main, 'topic', 'a b', '', '--x=*'])
  })

  test('runs the built files of an installed package through npm’s links', async () => {
    await install('app/node_modules/stratalog', 'dist/src/cli/main.js')
    await linkNode('app/node_modules/.bin')
    const link = join(folder, 'app/node_modules/.bin/stratalog')
    await symlink('../stratalog/bin/stratalog', link)
    const outer = join(folder, 'again')
    await symlink(link, outer)
    for (const bin of [link, outer]) {
      const { out, err } = call(bin, ['x'])
      expect(err).toBe('')
      const main = join(folder, 'app/node_modules/stratalog/dist/src/cli/main.js')
      expect(JSON.parse(out)).toEqual([main, 'x'])
    }
  })

  test.each([
    ['v20.20.2', 2],
    ['v22.17.9', 2],
    ['v22.18.0', 0],
    ['v26.0.0', 0],
  ])('judges a system Node %s', async (version, code) => {
    const bin = await install('clone', 'src/cli/main.ts')
    await put('path/node', `#!/bin/sh\n[ "$1" = --version ] && echo ${version}\nexit 0\n`)
    await chmod(join(folder, 'path/node'), 0o755)
    const done = call(bin, [], { PATH: `${join(folder, 'path')}:/usr/bin:/bin` })
    expect(done.code).toBe(code)
    if (code === 2) {
      expect(done.err).toMatch(/^stratalog: .* is Node v2.*, but 22\.18 or newer is needed; run/)
    }
  })

  test('says what to do without anything to run, and with an unknown runtime', async () => {
    const bin = await install('clone', 'src/other.ts')
    expect(call(bin, [])).toMatchObject({ code: 2 })
    expect(call(bin, []).err).toContain("run 'npm run build'")
    const other = await install('clone2', 'src/cli/main.ts')
    const done = call(other, [], { STRATALOG_RUNTIME: 'perl' })
    expect(done).toMatchObject({
      code: 2,
      err: "stratalog: STRATALOG_RUNTIME is 'perl'; set it to node, deno or bun\n",
    })
  })

  test('passes exit codes and signals', async () => {
    const waits = `process.on('SIGTERM', () => process.exit(7))
      console.log('up')
      setInterval(() => {}, 1e6)`
    const bin = await install('clone', 'src/cli/main.ts', waits)
    await linkNode('clone/node_modules/.bin')
    const child = spawn(bin, [], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    child.kill('SIGTERM')
    const code = await new Promise((resolve) => child.once('exit', resolve))
    expect(code).toBe(7)
  })

  test.each(['node', 'deno', 'bun'])('starts the real command line on %s', (runtime) => {
    const done = call(launcher, ['topic', 'lsit'], { STRATALOG_RUNTIME: runtime })
    expect(done).toEqual({
      code: 2,
      out: '',
      err: "stratalog: unknown command 'lsit'; did you mean list?\n",
    })
  })

  test.each(['node', 'deno', 'bun'])('produces and consumes on %s', async (runtime) => {
    const cluster = await startCluster()
    cluster.topic('orders')
    const at = ['--bootstrap', cluster.bootstrap]
    const codec = ['--compression', 'zstd']
    const made = await callAside(['produce', 'orders', ...codec, ...at], runtime, 'one\ntwo\n')
    expect(made).toMatchObject({ code: 0, err: '' })
    const read = await callAside(['consume', 'orders', '--until-end', ...at], runtime, '')
    expect(read).toEqual({ code: 0, out: 'one\ntwo\n', err: '' })
    await cluster.stop()
  })
})
