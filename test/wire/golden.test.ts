// Bytes written by hand from the protocol guide against what the codec makes of them, both ways.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { Reader } from '../../src/base/reader.ts'
import { decode, encodeBytes } from '../../src/wire/codec.ts'
import { consumerProtocolSubscription } from '../../src/wire/messages/internal/consumer-protocol.ts'
import { endTxnMarker } from '../../src/wire/messages/internal/end-txn-marker.ts'
import { transactionLogValue } from '../../src/wire/messages/internal/transaction-log.ts'
import { apis } from '../../src/wire/registry.ts'
import type { Schema } from '../../src/wire/schema.ts'

const schemas: readonly Schema<unknown>[] = [
  ...apis.flatMap((api) => [api.request, api.response]),
  consumerProtocolSubscription,
  endTxnMarker,
  transactionLogValue,
]

const text = readFileSync(new URL('../golden/wire/messages.txt', import.meta.url), 'utf8')
const cases = text
  .split(/^== /m)
  .filter((_, i) => i > 0)
  .map((part) => {
    const [title = '', json = '', ...lines] = part.split('\n')
    const [name = '', version = ''] = title.split(' ')
    const hex = lines.map((line) => line.replace(/#.*/, '').replaceAll(' ', '')).join('')
    return { name, version: Number(version), json, hex }
  })

const revive = (_key: string, value: unknown): unknown =>
  typeof value === 'string' && value.startsWith('hex:')
    ? Uint8Array.from(Buffer.from(value.replace('hex:', ''), 'hex'))
    : value

describe.for(cases)('golden $name v$version $json', ({ name, version, json, hex }) => {
  const schema = must(
    schemas.find((each) => each.name === name),
    'The golden message has a schema',
  )
  const value = JSON.parse(json, revive) as Record<string, unknown>

  test('encodes to the bytes written by hand [W5]', () => {
    expect(Buffer.from(encodeBytes(schema, version, value)).toString('hex')).toBe(hex)
  })

  test('decodes from them [W5]', () => {
    const reader = new Reader(Uint8Array.from(Buffer.from(hex, 'hex')))
    expect(decode(schema, version, reader)).toMatchObject(value)
    expect(reader.left).toBe(0)
  })
})

test('the golden file was read', () => {
  expect(cases.length).toBe(26)
})
