import type { SerializeOptions } from '@fastify/cookie'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { epochSeconds, type Clock } from '../clock.ts'
import type { IssuedToken } from '../tokens/access-tokens.ts'
import type { RefreshedSession } from './session.ts'
import { readCookie, sentCookies } from './sent-cookies.ts'

export interface CookieSettings {
  /** PUBLIC_URL is https: cookies are Secure and carry their prefix. */
  secure: boolean
  cookieDomain?: string
}

/** `__Host-` makes browsers insist on https, this host and this path; on loopback http there is no such thing. */
export const cookieName = (name: string, secure: boolean): string =>
  `${secure ? '__Host-' : ''}handstamp${name && `-${name}`}`

/** What @fastify/cookie writes a cookie with. */
export type SerializeCookie = FastifyInstance['serializeCookie']

/**
 * Sets and clears cookies that share their attributes, which are written once: a login start does little else. What we
 * put in them is base64url and dots, so that nothing needs escaping.
 */
export function cookieWriter (serialize: SerializeCookie, secure: boolean, domain?: string) {
  const options: SerializeOptions = { httpOnly: true, secure, path: '/', sameSite: 'lax', ...(domain && { domain }) }
  const attributes = serialize('n', 'v', options).slice('n=v'.length)
  const cleared = serialize('n', '', { ...options, maxAge: 0, expires: new Date(0) }).slice('n'.length)
  return {
    /** What `set` takes of an answer's header block, at most. */
    lineBytes: (name: string, value: string): number => `set-cookie: ${name}=${value}; Max-Age=2592000${attributes}\r\n`.length,

    set (reply: FastifyReply, name: string, value: string, maxAge: number): void {
      reply.header('set-cookie', `${name}=${value}; Max-Age=${maxAge}${attributes}`)
    },

    clear (reply: FastifyReply, name: string): void {
      reply.header('set-cookie', name + cleared)
    }
  }
}

/**
 * The cookies of a session: all set or all cleared at once.
 * @param isGood whether an access token was issued here and is still valid
 */
export function sessionCookies (
  { secure, cookieDomain }: CookieSettings, serialize: SerializeCookie, clock: Clock, isGood: (token: string) => boolean
) {
  const formerAccess = cookieName('', secure)
  const access = cookieDomain ? '__Secure-handstamp' : formerAccess
  const refresh = cookieName('refresh', secure)
  const accessWriter = cookieWriter(serialize, secure, cookieDomain)
  const hostWriter = cookieWriter(serialize, secure)

  /** An access cookie from before COOKIE_DOMAIN was set. */
  function clearFormer (reply: FastifyReply): void {
    if (cookieDomain && sentCookies(reply.request).has(formerAccess)) hostWriter.clear(reply, formerAccess)
  }

  return {
    /**
     * The access token the browser brought. Of several with a domain, which nested domains cause (production and staging in
     * one browser), the only one that is good (R66): of two that are, one may be planted.
     */
    read (request: FastifyRequest): string | undefined {
      const sent = cookieDomain ? sentCookies(request).get(access) ?? [] : []
      if (sent.length < 2) return readCookie(request, access)
      const [good, another] = [...new Set(sent)].filter(isGood)
      return another === undefined ? good : undefined
    },

    /** The refresh token the browser brought. */
    readRefresh: (request: FastifyRequest): string | undefined => readCookie(request, refresh),

    set (reply: FastifyReply, { token, expiresIn }: IssuedToken, { refreshToken, idleEndsAt }: RefreshedSession): void {
      accessWriter.set(reply, access, token, expiresIn)
      hostWriter.set(reply, refresh, refreshToken, idleEndsAt - epochSeconds(clock))
      clearFormer(reply)
    },

    clear (reply: FastifyReply): void {
      accessWriter.clear(reply, access)
      hostWriter.clear(reply, refresh)
      clearFormer(reply)
    }
  }
}

export type SessionCookies = ReturnType<typeof sessionCookies>
