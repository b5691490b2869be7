// How this port says no: one JSON shape for every error of every route, with a word for programs
// and a sentence for people. What was asked is never repeated in it.
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** An error answer: `{"error":{"code":"not_found","message":"…"}}`. */
export const jsonError = (
  context: Context,
  status: ContentfulStatusCode,
  code: string,
  message: string,
): Response => context.json({ error: { code, message } }, status)
