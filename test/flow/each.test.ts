import { expect, test } from 'vitest'
import { eachAtOnce } from '../../src/flow/each.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('eachAtOnce() does all, in order, and never more at once than it may', async () => {
  const begun: number[] = []
  let running = 0
  let most = 0
  await eachAtOnce([5, 0, 3, 1, 4, 2], 2, async (item) => {
    begun.push(item)
    most = Math.max(most, ++running)
    for (let i = 0; i < item; i++) await turn()
    running--
  })
  expect(begun).toEqual([5, 0, 3, 1, 4, 2])
  expect(most).toBe(2)
  expect(running).toBe(0)
})

test('eachAtOnce() begins no more after a failure, and waits for what had begun', async () => {
  const begun: string[] = []
  const ended: string[] = []
  const all = eachAtOnce(['slow', 'bad', 'worse', 'never'], 2, async (item) => {
    begun.push(item)
    for (let i = 0; i < (item === 'slow' ? 5 : 1); i++) await turn()
    ended.push(item)
    if (item !== 'slow') throw new Error(item)
  })
  await expect(all).rejects.toThrow('bad')
  expect(begun).toEqual(['slow', 'bad'])
  expect(ended).toEqual(['bad', 'slow'])
})
