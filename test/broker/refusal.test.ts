import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { KafkaError, OperatingError } from '../../src/base/errors.ts'
import { orRefusal } from '../../src/broker/refusal.ts'

describe('orRefusal()', () => {
  const codeOf = async (error: Error) => {
    const outcome = await orRefusal(Promise.reject(error))
    return outcome instanceof KafkaError ? outcome.code : null
  }

  it('tells what was not taken apart from what nobody knows the outcome of', async () => {
    expect(await codeOf(new KafkaError(42, 'x'))).toBe(42)
    expect(await codeOf(new OperatingError('retry', 'x'))).toBe(ErrorCode.NOT_CONTROLLER)
    expect(await codeOf(new OperatingError('closed', 'x'))).toBe(ErrorCode.NOT_CONTROLLER)
    expect(await codeOf(new OperatingError('fenced', 'x'))).toBe(ErrorCode.REQUEST_TIMED_OUT)
  })

  it('passes values and bugs through', async () => {
    expect(await orRefusal(Promise.resolve(7))).toBe(7)
    const bug = new Error('bug')
    await expect(orRefusal(Promise.reject(bug))).rejects.toBe(bug)
    const broken = new OperatingError('broken', 'x')
    await expect(orRefusal(Promise.reject(broken))).rejects.toBe(broken)
  })
})
