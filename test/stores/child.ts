// Servers of tests as child processes: a free port, a wait until it answers, an end that leaves
// neither process nor file, even when the test run dies first.
import { spawn, type ChildProcess } from 'node:child_process'
import * as fs from 'node:fs'
import { createServer, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const READY_MS = 30_000

/** A server that runs. */
export interface Child {
  stop(): Promise<void>
}

/** A store that runs. */
export interface StoreServer {
  /** Of an empty bucket, for `openObjectStore()`. */
  readonly url: string
  /** Credentials, by the names that the providers' own tools read. */
  readonly environment: Readonly<Record<string, string>>
  /** The same with credentials that are wrong; absent where none are looked at. */
  readonly wrongEnvironment?: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** A port of the loopback that was free a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })

/** A new empty directory. */
export const scratch = (name: string): string => fs.mkdtempSync(join(tmpdir(), `store-${name}-`))

/** Starts a server and resolves once something listens on `port`; its last words if it fails. */
export async function startChild(
  command: readonly [string, ...string[]],
  options: {
    readonly port: number
    readonly environment?: Readonly<Record<string, string>>
    readonly directory?: string
  },
): Promise<Child> {
  const [program, ...parameters] = command
  const child = spawn(program, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
    ...(options.directory === undefined ? {} : { cwd: options.directory }),
  })
  let said = ''
  const hear = (chunk: Uint8Array): void => {
    said = (said + String(chunk)).slice(-4000)
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  child.once('error', (error) => hear(new TextEncoder().encode(String(error))))
  const killAtExit = (): unknown => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const stop = async (): Promise<void> => {
    process.removeListener('exit', killAtExit)
    await end(child)
  }
  for (const deadline = Date.now() + READY_MS; ;) {
    if (await listens(options.port)) return { stop }
    if (child.exitCode !== null || child.pid === undefined || Date.now() > deadline) {
      await stop()
      throw new Error(`${program} did not start: ${said}`)
    }
    await sleep(25)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), 3_000)
  await gone
  clearTimeout(hard)
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
