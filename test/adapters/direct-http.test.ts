// GETs that read into the reader's memory, against a server that answers as it likes: whole, in
// pieces, too short, too long, in chunks, or not at all; on one connection after the other.
import * as net from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DirectHttp, type DirectAnswer } from '../../adapters/object-store/shared/direct-http.ts'
import { asError } from '../../src/base/errors.ts'
import { SpoiledMemory } from '../tier/support.ts'
import { patterned } from '../contract/object-store.ts'

const MiB = 1 << 20

/** What the server does with one request on one connection. */
type Answer = (socket: net.Socket, head: string) => void

let server: net.Server
let http: DirectHttp
let memory: SpoiledMemory
let heads: string[]
let connections: number
let answer: Answer
const sockets = new Set<net.Socket>()

beforeEach(async () => {
  ;[heads, connections] = [[], 0]
  server = net.createServer((socket) => {
    connections++
    sockets.add(socket)
    let text = ''
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end)
        text = text.slice(end + 4)
        heads.push(head)
        answer(socket, head)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  http = new DirectHttp()
  memory = new SpoiledMemory(16 * MiB)
})

afterEach(async () => {
  http.close()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

const get = (
  bytesMax: number,
  signal = new AbortController().signal,
): Promise<DirectAnswer | null> => {
  const { port } = server.address() as net.AddressInfo
  const headers = { range: `bytes=0-${bytesMax - 1}`, host: 'signed:80', 'x-token': 'abc' }
  return http.get({ url: `http://127.0.0.1:${port}/b/k?a=b%2F`, headers, memory, bytesMax }, signal)
}

/** Answers with `bytes`, in pieces of `pieceBytes`. */
const sending =
  (bytes: Uint8Array, pieceBytes = bytes.length, more = ''): Answer =>
  (socket) => {
    const head = `HTTP/1.1 206 Partial Content\r\nContent-Length: ${bytes.length}\r\n${more}\r\n`
    const all = Buffer.concat([Buffer.from(head), bytes])
    const send = (at: number): void => {
      if (at >= all.length || socket.destroyed) return
      socket.write(all.subarray(at, at + pieceBytes), () =>
        setImmediate(() => send(at + pieceBytes)),
      )
    }
    send(0)
  }

const same = (got: DirectAnswer | null, bytes: Uint8Array): boolean =>
  got !== null && Buffer.compare(got.bytes, bytes) === 0

describe('DirectHttp.get()', () => {
  it('reads bodies of every size, however they are cut, on one connection', async () => {
    for (const size of [0, 1, 100, 65_535, 65_536, MiB, 3 * MiB + 17]) {
      for (const pieceBytes of [7_001, size + 1_000]) {
        const bytes = patterned(size, size)
        answer = sending(bytes, pieceBytes, 'ETag: "x"\r\nX-A: 1\r\nX-A: 2\r\n')
        const got = await get(size + 1)
        expect([got?.status, got?.headers.get('etag'), got?.headers.get('x-a')]).toEqual([
          ...[206, '"x"', '1, 2'],
        ])
        expect(same(got, bytes)).toBe(true)
        if (got !== null && size >= 65_536) memory.give(got.bytes)
      }
    }
    expect(connections).toBe(1)
    expect(memory.out).toBe(0)
    expect(heads[0]?.split('\r\n')).toEqual([
      ...['GET /b/k?a=b%2F HTTP/1.1', 'host: signed:80', 'range: bytes=0-0', 'x-token: abc'],
    ])
  })

  it('reads a head that comes byte by byte', async () => {
    const bytes = patterned(300, 4)
    answer = sending(bytes, 1)
    expect(same(await get(300), bytes)).toBe(true)
  })

  it('reads many at once, each into memory of its own', async () => {
    answer = (socket) => sending(patterned(MiB, heads.length), 50_000)(socket, '')
    const all = await Promise.all(Array.from({ length: 8 }, () => get(MiB)))
    const wanted = Array.from({ length: 8 }, (_, i) => patterned(MiB, i + 1))
    for (const bytes of wanted) expect(all.filter((got) => same(got, bytes)).length).toBe(1)
    expect(connections).toBe(8)
  })

  it('gives an answer of an error as it is', async () => {
    answer = (socket) => socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nabc')
    const got = await get(10)
    expect([got?.status, Buffer.from(got?.bytes ?? []).toString()]).toEqual([404, 'abc'])
  })

  it.each([
    ['is sent in chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['does not tell its length', 'HTTP/1.1 200 OK\r\n\r\nabc'],
    ['is packed', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-encoding: gzip\r\n\r\nabc'],
    ['tells no sensible length', 'HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nabc'],
    ['is larger than asked for', 'HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nabc'],
    ['is not the last one', 'HTTP/1.1 103 Early Hints\r\ncontent-length: 0\r\n\r\n'],
  ])('gives null for an answer that %s', async (_, text) => {
    answer = (socket) => socket.write(text)
    expect(await get(10)).toBeNull()
    answer = sending(patterned(10, 1))
    expect(same(await get(10), patterned(10, 1))).toBe(true)
    expect([connections, memory.out]).toEqual([2, 0])
  })

  it.each([
    ['no HTTP', 'SSH-2.0-x\r\n\r\n'],
    ['a head without an end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}`],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nx: y\r\n z\r\n\r\n'],
    ['more than it told', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc'],
  ])('fails for %s', async (_, text) => {
    answer = (socket) => socket.write(text)
    expect(await get(10).catch(asError)).toMatchObject({ name: 'AnswerError', status: 0 })
    expect(memory.out).toBe(0)
  })

  it('fails, and gives its memory back, when the connection ends in the middle', async () => {
    answer = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${MiB}\r\n\r\nabc`)
      setTimeout(() => socket.destroy(), 20)
    }
    expect(await get(MiB).catch(asError)).toMatchObject({ code: 'ECONNRESET' })
    expect([connections, memory.out]).toEqual([1, 0])
  })

  it('asks again when the server had closed what was kept', async () => {
    answer = sending(patterned(10, 1))
    await get(10)
    const before = [...sockets]
    answer = (socket) => {
      if (before.includes(socket)) socket.destroy()
      else sending(patterned(10, 2))(socket, '')
    }
    expect(same(await get(10), patterned(10, 2))).toBe(true)
    expect(connections).toBe(2)
  })

  it('keeps no connection that is to be closed', async () => {
    answer = sending(patterned(10, 1), 1_000, 'Connection: close\r\n')
    await get(10)
    await get(10)
    expect(connections).toBe(2)
  })

  it('ends when its signal is aborted, before and while the answer comes', async () => {
    const abort = new AbortController()
    answer = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${MiB}\r\n\r\nabc`)
      setTimeout(() => abort.abort(new Error('enough')), 20)
    }
    expect(await get(MiB, abort.signal).catch(asError)).toMatchObject({ message: 'enough' })
    expect(memory.out).toBe(0)
    expect(await get(MiB, abort.signal).catch(asError)).toMatchObject({ message: 'enough' })
    expect(heads.length).toBe(1)
  })

  it('ends what runs when it is closed', async () => {
    answer = () => http.close()
    expect(await get(10).catch(asError)).toMatchObject({ code: 'ECONNRESET' })
    expect(await get(10).catch(asError)).toMatchObject({ code: 'ECONNRESET' })
  })

  it('sends no header that would end the line', async () => {
    const request = { url: 'http://127.0.0.1:1/', headers: { a: 'b\r\nc: d' }, memory, bytesMax: 1 }
    const work = http.get(request, new AbortController().signal)
    expect(await work.catch(asError)).toMatchObject({ code: 'ERR_INVALID_CHAR' })
  })
})
