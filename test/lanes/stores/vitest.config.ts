// The tests of this lane, which need servers that npm does not bring.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/lanes/stores/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 1,
  },
})
