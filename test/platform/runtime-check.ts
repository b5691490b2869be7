// A self-check of the platform's disk, network and clock that any runtime can run: writes, reads,
// syncs and locks in a temporary directory, echoes frames over localhost, prints "ok".
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClock } from '../../src/platform/clock.ts'
import { openDisk } from '../../src/platform/disk.ts'
import { createNetwork } from '../../src/platform/network.ts'
import { OperatingError } from '../../src/base/errors.ts'
import { pageAlignedMemory } from '../../src/ports/disk.ts'
import type { Disk } from '../../src/ports/disk.ts'

const check = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(`Check failed: ${what}`)
}

const kindOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof OperatingError ? error.kind : String(error)),
  )

const checkDisk = async (disk: Disk): Promise<void> => {
  const file = await disk.open('a', { mode: 'create' })
  const parts = Array.from({ length: 3000 }, (_, i) => new Uint8Array(i % 700).fill(i))
  parts.push(new Uint8Array(400_000).fill(7))
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  file.writeNow(5, parts)
  await file.sync()
  check((await file.size()) === length + 5, 'size after writeNow')
  const back = new Uint8Array(length + 100)
  check((await file.read(5, back)) === length, 'read up to the end')
  let at = 0
  for (const part of parts) {
    for (const byte of part) if (back[at++] !== byte) throw new Error('Check failed: bytes')
  }
  await file.close()
  check((await kindOf(disk.open('a', { mode: 'create' }))) === 'refused', 'create twice')
  check((await kindOf(disk.open('b', { mode: 'write' }))) === 'absent', 'open absent')
  const direct = await disk.open('d', { mode: 'create', direct: true })
  const page = pageAlignedMemory(65536).fill(3)
  await direct.writeBehind(65536, page)
  await direct.sync()
  check((await direct.read(4096, page.fill(1))) === 65536 && page[61440] === 3, 'direct read')
  await direct.close()
  const release = await disk.lock('LOCK')
  check((await kindOf(disk.lock('LOCK'))) === 'refused', 'lock twice')
  await release()
  check((await disk.freeBytes()) > 0, 'free bytes')
  check((await disk.list('')).join() === 'LOCK,a,d', 'list')
}

const checkNetwork = async (): Promise<void> => {
  const network = createNetwork()
  const listener = await network.listen({ host: 'localhost', port: 0 }, (connection) => ({
    onBytes: (view) => connection.write([new Uint8Array(view), new Uint8Array(0)]),
    onDrain: () => {},
    onClose: () => {},
  }))
  for (const host of ['127.0.0.1', 'localhost', '::1']) {
    const size = 3_000_000
    let got = 0
    const closed = new Promise<Error | undefined>((resolve, reject) => {
      const opened = network.connect({ host, port: listener.port }, (connection) => ({
        onBytes: (view) => {
          for (const byte of view) if (byte !== got++ % 251) return connection.destroy()
          if (got === size) connection.end()
        },
        onDrain: () => {},
        onClose: resolve,
      }))
      opened.then((c) => c.write([Uint8Array.from({ length: size }, (_, i) => i % 251)]), reject)
    })
    const error = await closed
    check(error === undefined && got === size, `echo over ${host}: ${got} ${String(error)}`)
  }
  await listener.close()
  const refused = network.connect({ host: '127.0.0.1', port: listener.port }, () => {
    throw new Error('Check failed: connected to nobody')
  })
  check((await kindOf(refused)) === 'retry', 'connect to nobody')
}

const root = await mkdtemp(join(tmpdir(), 'platform-'))
try {
  await checkDisk(await openDisk(join(root, 'x', 'y')))
  await checkNetwork()
  const clock = createClock()
  const order: number[] = []
  clock.turn(() => order.push(1))
  clock.turn(() => order.push(2))
  await new Promise<void>((resolve) => clock.after(1, resolve))
  check(order.join() === '1,2', 'turns')
} finally {
  await rm(root, { recursive: true })
}
console.log('ok')
