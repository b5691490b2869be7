// What any Telemetry must do that can be read as text, whatever it is made of.
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import type { Telemetry } from '../../src/ports/telemetry.ts'
import type { ParsedFamily } from '../platform/exposition-parser.ts'
import { parseMetrics } from '../platform/exposition-parser.ts'

/** A telemetry and the text that a scraper would get of it. */
export interface ReadableTelemetry {
  readonly telemetry: Telemetry
  render(format: 'text' | 'openmetrics'): string
}

/** Runs the suite against the Telemetry that `make` gives. */
export function telemetryContract(name: string, make: () => ReadableTelemetry): void {
  const read = (from: ReadableTelemetry): Map<string, ParsedFamily> =>
    parseMetrics(from.render('text'), 'text')

  describe(`Telemetry contract: ${name}`, () => {
    test('counter() gives the same counter for the same name and labels, in any order', () => {
      const at = make()
      const one = at.telemetry.counter('a_total', 'A.', { x: '1', y: '2' })
      one.value += 2
      at.telemetry.counter('a_total', 'A.', { y: '2', x: '1' }).value += 3
      at.telemetry.counter('a_total', 'A.').value++
      expect(at.telemetry.counter('a_total', 'A.', { x: '1', y: '2' })).toBe(one)
      const family = read(at).get('a_total')
      expect(family?.type).toBe('counter')
      expect(family?.samples).toEqual([
        { name: 'a_total', labels: { x: '1', y: '2' }, value: 5 },
        { name: 'a_total', labels: {}, value: 1 },
      ])
    })

    test('a counter nobody touched is there, at 0', () => {
      const at = make()
      at.telemetry.counter('b_total', 'B.')
      expect(read(at).get('b_total')?.samples).toEqual([{ name: 'b_total', labels: {}, value: 0 }])
    })

    test('histogram() counts an observation in every bucket at or above it', () => {
      const at = make()
      const histogram = at.telemetry.histogram('h_seconds', 'H.', [0.1, 1, 5], { api: 'x' })
      for (const value of [0.1, 0.100001, 1, 7, 5, 0]) histogram.observe(value)
      const samples = read(at).get('h_seconds')?.samples ?? []
      expect(samples.map(({ name, labels, value }) => [name, labels['le'], value])).toEqual([
        ['h_seconds_bucket', '0.1', 2],
        ['h_seconds_bucket', '1', 4],
        ['h_seconds_bucket', '5', 5],
        ['h_seconds_bucket', '+Inf', 6],
        ['h_seconds_sum', undefined, 13.200001],
        ['h_seconds_count', undefined, 6],
      ])
      expect(samples.every(({ labels }) => labels['api'] === 'x')).toBe(true)
    })

    test('gauge() is computed when scraped, and the last registration wins', () => {
      const at = make()
      let value = 1
      at.telemetry.gauge('g', 'Old.', () => -1)
      at.telemetry.gauge('g', 'New.', () => value)
      value = 2.5
      expect(read(at).get('g')).toMatchObject({ type: 'gauge', help: 'New.' })
      expect(read(at).get('g')?.samples).toEqual([{ name: 'g', labels: {}, value: 2.5 }])
    })

    test('gauge() may give many series, none, and what is not finite', () => {
      const at = make()
      at.telemetry.gauge('many', 'M.', () => [
        [{ p: '0' }, Infinity],
        [{ p: '1' }, -Infinity],
        [{ p: '2' }, NaN],
        [{ p: '3' }, 1e-9],
        [{ p: '4' }, 2 ** 80],
      ])
      at.telemetry.gauge('none', 'N.', () => [])
      const values = read(at)
        .get('many')
        ?.samples.map(({ value }) => value)
      expect(values).toEqual([Infinity, -Infinity, NaN, 1e-9, 2 ** 80])
      expect(read(at).get('none')?.samples).toEqual([])
    })

    test('a gauge that throws, at once or half-way, takes nothing else with it', () => {
      const at = make()
      at.telemetry.gauge('bad', 'B.', () => {
        throw new Error('no')
      })
      at.telemetry.gauge('half', 'H.', function* () {
        yield [{ p: '0' }, 1] as const
        throw new Error('no')
      })
      at.telemetry.gauge('good', 'G.', () => 7)
      const families = read(at)
      expect(families.has('bad') || families.has('half')).toBe(false)
      expect(families.get('good')?.samples[0]?.value).toBe(7)
    })

    test('labels and help come back as they were, whatever they are', () => {
      const text = fc.string({ unit: 'binary', maxLength: 12 })
      fc.assert(
        fc.property(
          fc.array(fc.oneof(text, fc.constantFrom('\\', '"', '\n', '\\n', '{}', ',', '\\"')), {
            minLength: 1,
            maxLength: 4,
          }),
          text,
          (values, help) => {
            const at = make()
            const labels = Object.fromEntries(values.map((value, i) => [`l${i}`, value]))
            at.telemetry.counter('c_total', help, labels).value = 1
            at.telemetry.gauge('d', help, () => [[labels, 2]])
            for (const format of ['text', 'openmetrics'] as const) {
              const families = parseMetrics(at.render(format), format)
              const counter = families.get(format === 'text' ? 'c_total' : 'c')
              expect(counter).toMatchObject({ help })
              expect(counter?.samples[0]?.labels).toEqual(labels)
              expect(families.get('d')?.samples[0]?.labels).toEqual(labels)
            }
          },
        ),
        { numRuns: 60 },
      )
    })

    test('log() takes any field and never throws', () => {
      const { telemetry } = make()
      const loop: Record<string, unknown> = {}
      loop['loop'] = loop
      const fields = {
        error: new Error('x', { cause: loop }),
        big: 2n,
        f: () => 0,
        loop,
        u: undefined,
      }
      for (const level of ['debug', 'info', 'warn', 'error'] as const) {
        expect(() => telemetry.log(level, 'event', fields)).not.toThrow()
      }
    })
  })
}
