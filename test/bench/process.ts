// Processes and places that the bench makes, and their end: every child is known by its pid and is
// ended with the run, however it ends; every directory is removed. CPU and memory of a process
// and its children come from /proc and are absent (null) where there is none.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const STOP_MS = 60_000
const CLOCK_TICKS = 100

const children = new Set<ChildProcess>()
const directories = new Set<string>()
const kept = new Set<string>()

/** Ends all programs and removes all directories of rows: after one that failed half-way. */
export function sweep(): void {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  for (const directory of directories) removeDirectory(directory)
}

process.on('exit', () => {
  sweep()
  for (const directory of kept) rmSync(directory, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

/** A program that was started. */
export interface Running {
  readonly pid: number
  /** Ends it and waits; SIGKILL at once when `kill`, else after a minute. */
  stop(how?: { readonly kill: boolean }): Promise<void>
}

/**
 * Starts a program and waits for a line of its output that matches `ready`; throws with what it
 * printed when it ends first or when `timeoutMs` pass.
 */
export async function start(
  words: readonly string[],
  options: { readonly ready: RegExp; readonly timeoutMs?: number; readonly cwd?: string },
): Promise<{ readonly running: Running; readonly match: RegExpExecArray }> {
  const child = launch(words, options.cwd)
  let printed = ''
  const match = await new Promise<RegExpExecArray>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${words.join(' ')} ${why}\n${printed}`))
    const timer = setTimeout(() => fail('is not ready in time'), options.timeoutMs ?? 60_000)
    const look = (chunk: unknown): void => {
      printed = (printed + String(chunk)).slice(-20_000)
      const found = options.ready.exec(printed)
      if (found === null) return
      clearTimeout(timer)
      resolve(found)
    }
    child.stdout?.on('data', look)
    child.stderr?.on('data', look)
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      fail(`ended with ${String(code ?? signal)}`)
    })
  })
  return { running: { pid: child.pid ?? 0, stop: (how) => stop(child, how) }, match }
}

/** Starts a program and waits until something listens on `port` of loopback. */
export async function startListening(words: readonly string[], port: number): Promise<Running> {
  const child = launch(words)
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => (printed = (printed + String(chunk)).slice(-20_000)))
  }
  const deadline = performance.now() + 60_000
  while (!(await listens(port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`${words.join(' ')} does not serve\n${printed}`)
    }
    await sleep(20)
  }
  return { pid: child.pid ?? 0, stop: (how) => stop(child, how) }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** Runs a program to its end; returns its standard output, throws with all when it fails. */
export async function run(words: readonly string[], cwd?: string): Promise<string> {
  const child = launch(words, cwd)
  let out = ''
  let all = ''
  child.stdout?.on('data', (chunk) => (out += String(chunk)))
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => (all = (all + String(chunk)).slice(-20_000)))
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error(`${words.join(' ')} failed with ${String(code)}\n${all}`)
  return out
}

/** Whether a program of that name can be started. */
export async function exists(name: string, versionFlag: string): Promise<boolean> {
  try {
    await run([name, versionFlag])
    return true
  } catch {
    return false // absent or broken: the wall where an optional program ends
  }
}

function launch([command = '', ...args]: readonly string[], cwd?: string): ChildProcess {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  children.add(child)
  child.on('exit', () => children.delete(child))
  return child
}

async function stop(child: ChildProcess, how = { kill: false }): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill(how.kill ? 'SIGKILL' : 'SIGTERM')
  const timer = setTimeout(() => {
    console.error(`${child.spawnfile} does not end within a minute and is killed`)
    child.kill('SIGKILL')
  }, STOP_MS)
  await gone
  clearTimeout(timer)
}

/** A new directory below `parent`, removed by `removeDirectory`, `sweep` or with the run. */
export function makeDirectory(parent: string): string {
  const directory = mkdtempSync(join(parent, 'stratalog-bench-'))
  directories.add(directory)
  return directory
}

/** A new directory for programs, removed with the run. */
export function makeProgramDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stratalog-bench-'))
  kept.add(directory)
  return directory
}

/** Removes a directory of `makeDirectory`. */
export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true })
  directories.delete(directory)
}

/** A port of loopback that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}

/** A process and all below it. */
function family(pid: number): number[] {
  const below = read(`/proc/${String(pid)}/task/${String(pid)}/children`) ?? ''
  const ids = below.split(' ').filter((id) => id !== '')
  return [pid, ...ids.flatMap((id) => family(Number(id)))]
}

/** Resident memory of a process and its children in MiB. */
export function residentMib(pid: number): number | null {
  let kib = 0
  for (const id of family(pid)) {
    const found = /VmRSS:\s+(\d+)/.exec(read(`/proc/${String(id)}/status`) ?? '')
    if (found === null) return null
    kib += Number(found[1])
  }
  return kib / 1024
}

/** Seconds of CPU that a process and its children have used. */
export function cpuSeconds(pid: number): number | null {
  let ticks = 0
  for (const id of family(pid)) {
    const stat = read(`/proc/${String(id)}/stat`)
    if (stat === null) return null
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / CLOCK_TICKS
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null // no /proc here, or the process is gone
  }
}

/** Resolves after `ms`. */
export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))
