import type { FastifyReply } from 'fastify'

/** What nginx and others keep for the header block of an answer, unless they are told otherwise. */
const usualBytes = 4_096
/** Status line, Date, Connection, Keep-Alive, Content-Length and the empty line, which Node adds. */
const addedBytes = 176

/** Bytes that are left in the header block of an answer, so that a small proxy lets it through; negative: none are. */
export function headerRoom (reply: FastifyReply): number {
  const lines = Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
    [value].flat().map(each => name.length + String(each).length + ': \r\n'.length))
  return usualBytes - addedBytes - lines.reduce((sum, length) => sum + length, 0)
}
