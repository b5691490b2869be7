import { expect, it } from 'vitest'
import { OperatingError } from '../../src/base/errors.ts'
import { Complaints } from '../../src/tier/complaints.ts'

it('Complaints say a trouble once, whoever meets it, until nothing is wrong any more', () => {
  const said: string[] = []
  const complaints = new Complaints({
    log: (level, event, fields) =>
      void said.push(`${level} ${event} ${String(fields?.['reason'])}`),
  })
  const gone = (key: string): OperatingError =>
    new OperatingError('retry', `Cannot read ${key}: it is gone`, null, 'it is gone')
  complaints.of('a', gone('x'), {})
  complaints.of('b', gone('y'), {})
  complaints.of('a', gone('z'), {})
  expect(said).toEqual(['warn cannot archive Cannot read x: it is gone'])
  expect(complaints.isTold(gone('w'))).toBe(true)

  complaints.of('b', new OperatingError('refused', 'Cannot write y: denied'), {})
  complaints.over('a')
  complaints.over('a')
  complaints.of('a', gone('x'), {})
  expect(said.slice(1)).toEqual(['error cannot archive Cannot write y: denied'])

  complaints.over('b')
  complaints.over('a')
  expect(said.slice(2)).toEqual(['info archiving goes on undefined'])
  expect(complaints.isTold(gone('w'))).toBe(false)
  complaints.over('a')
  complaints.of('b', gone('x'), {})
  expect(said.slice(3)).toEqual(['warn cannot archive Cannot read x: it is gone'])
})
