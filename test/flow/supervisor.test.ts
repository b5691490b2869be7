import { describe, expect, it } from 'vitest'
import { OperatingError } from '../../src/base/errors.ts'
import { Supervisor } from '../../src/flow/supervisor.ts'

const make = (): { supervisor: Supervisor; failures: string[] } => {
  const failures: string[] = []
  const supervisor = new Supervisor((task, error) => failures.push(`${task}: ${String(error)}`))
  return { supervisor, failures }
}

describe('Supervisor', () => {
  it('reports each failed task by name, and no other [INV-83]', async () => {
    const { supervisor, failures } = make()
    supervisor.watch('good', Promise.resolve())
    supervisor.watch('bad', Promise.reject(new Error('one')))
    supervisor.run('throws at once', () => {
      throw new Error('two')
    })
    expect(supervisor.running).toEqual(['good', 'bad', 'throws at once'])
    await supervisor.drain()
    expect(failures).toEqual(['bad: Error: one', 'throws at once: Error: two'])
    expect(supervisor.running).toEqual([])
  })

  it('drain() waits for tasks that are handed over meanwhile', async () => {
    const { supervisor } = make()
    const order: string[] = []
    supervisor.run('first', async () => {
      await Promise.resolve()
      supervisor.run('second', async () => {
        await Promise.resolve()
        order.push('second')
      })
      order.push('first')
    })
    await supervisor.drain()
    expect(order).toEqual(['first', 'second'])
  })

  it('takes `closed` for a failure before drain(), and for an end after', async () => {
    const closed = (): Promise<never> => Promise.reject(new OperatingError('closed', 'closed'))
    const { supervisor, failures } = make()
    supervisor.run('early', closed)
    await Promise.resolve().then(() => Promise.resolve())
    await new Promise((resolve) => setImmediate(resolve))
    expect(failures).toHaveLength(1)
    supervisor.run('late', closed)
    await supervisor.drain()
    expect(failures).toHaveLength(1)
  })
})
