import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/base/error-codes.ts'
import type { SupportedFeature } from '../../../src/broker/handlers/18-api-versions.ts'
import { apiVersions, tooNewApiVersions } from '../../../src/broker/handlers/18-api-versions.ts'
import { Reader } from '../../../src/base/reader.ts'
import { Writer } from '../../../src/base/writer.ts'
import { decode, encode } from '../../../src/wire/codec.ts'
import {
  apiVersionsRequest,
  apiVersionsResponse,
} from '../../../src/wire/messages/18-api-versions.ts'
import { apiOf } from '../../../src/wire/registry.ts'
import { fold } from '../../cluster/support.ts'
import { ask, versions, world } from './support.ts'

const served = [18, 0, 3].map((key) => {
  const api = apiOf(key)
  return { apiKey: key, minVersion: api?.advertisedMin ?? -1, maxVersion: api?.max ?? -1 }
})

const client = { clientSoftwareName: 'librdkafka', clientSoftwareVersion: '2.15.0-RC1' }

const start = (features: readonly SupportedFeature[] = []) => {
  const { log, image } = world()
  const handler = apiVersions({ served, features, image })
  return { log, api: { request: apiVersionsRequest, response: apiVersionsResponse, handler } }
}

describe('ApiVersions', () => {
  it('tells what is served and nothing else, in every version [V7]', async () => {
    for (const version of versions(apiVersionsRequest)) {
      const { errorCode, apiKeys } = await ask(start().api, version, client)
      expect(errorCode).toBe(0)
      expect(apiKeys.map(({ apiKey }) => apiKey)).toEqual([0, 3, 18])
    }
  })

  it('answers a version that is too new with v0, error 35 and its own range only [V1]', () => {
    const writer = new Writer()
    encode(apiVersionsResponse, 0, tooNewApiVersions(served), writer)
    const { errorCode, apiKeys } = decode(apiVersionsResponse, 0, new Reader(writer.bytes()))
    expect(errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION)
    expect(apiKeys).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 4 }])
  })

  it('refuses a client whose name or version is no name, from v3 on [V2]', async () => {
    const { api } = start()
    const bad = ['', '-a', 'a-', 'a b', 'ä', 'a_b', '.']
    for (const text of bad) {
      const named = await ask(api, 3, { ...client, clientSoftwareName: text })
      expect(named.errorCode, text).toBe(ErrorCode.INVALID_REQUEST)
      const numbered = await ask(api, 4, { ...client, clientSoftwareVersion: text })
      expect(numbered.errorCode, text).toBe(ErrorCode.INVALID_REQUEST)
    }
    for (const text of ['a', 'a.b-c', '1.0']) {
      expect((await ask(api, 3, { ...client, clientSoftwareName: text })).errorCode).toBe(0)
    }
    expect((await ask(api, 2, {})).errorCode).toBe(0)
  })

  it('tells of Produce from version 0, so that librdkafka keeps compressing [V3]', async () => {
    const { apiKeys } = await ask(start().api, 0, {})
    expect(apiKeys.find(({ apiKey }) => apiKey === 0)?.minVersion).toBe(0)
  })

  it('leaves out features that begin at level 0 before v4 [V5]', async () => {
    const { api } = start([
      { name: 'metadata.version', minVersion: 7, maxVersion: 27 },
      { name: 'zero', minVersion: 0, maxVersion: 1 },
    ])
    const names = async (version: number) =>
      (await ask(api, version, client)).supportedFeatures.map(({ name }) => name)
    expect(await names(3)).toEqual(['metadata.version'])
    expect(await names(4)).toEqual(['metadata.version', 'zero'])
  })

  it('finalizes no transaction.version; epoch -1 while nothing is finalized [V6]', async () => {
    const { api, log } = start()
    const before = await ask(api, 4, client)
    expect(before.finalizedFeaturesEpoch).toBe(-1)
    expect(before.finalizedFeatures).toEqual([])
    log.current = fold(log.current, [[{ kind: 'feature', name: 'metadata.version', level: 20 }]])
    const after = await ask(api, 4, client)
    expect(after.finalizedFeaturesEpoch).toBe(log.current.version)
    expect(after.finalizedFeatures).toEqual([
      { name: 'metadata.version', minVersionLevel: 20, maxVersionLevel: 20 },
    ])
  })

  it('does not know the unstable v6 of InitProducerId [V8]', () => {
    expect(apiOf(22)?.max).toBe(5)
  })
})
