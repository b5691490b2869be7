// What worker.ts says when all is well.

/** Its lines; `checked` is whether a put was compared by the store. */
export const workerSteps = (checked: boolean): string[] => [
  `create ok ${String(checked)}`,
  'again exists',
  'swap ok',
  'stale conflict',
  'range 11,12',
  'none null',
  'parts ok',
  'end 17,17',
  'list w/a:999 w/b:17825797',
  'head null',
]
