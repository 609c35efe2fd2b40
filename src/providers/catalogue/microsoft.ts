import { variable } from '../../env/variable.ts'
import * as read from '../../env/values.ts'
import { AuthError } from '../../errors.ts'
import { oidc } from '../descriptor.ts'
import type { NamedTenants } from '../oidc/tenants.ts'

const tenantId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const tenantInIssuer = /\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\/|$)/i
/** All personal Microsoft accounts live in this one. */
const personal = '9188040d-6c67-4c5b-b112-36a304b66dad'

function tenant (value: string): string {
  const id = value.toLowerCase()
  if (!tenantId.test(id) && !['common', 'organizations', 'consumers'].includes(id)) {
    throw new Error(`"${value}" is neither a tenant id (a GUID) nor common, organizations or consumers`)
  }
  return id
}

/** The tenant whose issuer it is; undefined where it may be any. */
const tenantOf = (issuer: unknown): string | undefined => tenantInIssuer.exec(String(issuer))?.[1]?.toLowerCase()

/** Whom the operator lets in; undefined: any tenant. */
function allowedTenants ({ TENANT: entry = '', TENANTS: listed }: NamedTenants): string[] | undefined {
  return listed ?? (entry === 'consumers' ? [personal] : tenantId.test(entry) ? [entry] : undefined)
}

/** The one tenant that the operator lets in, if it is a company's. */
function ownTenant (own: NamedTenants): string | undefined {
  const fixed = tenantOf(own.ISSUER)
  const [one, ...others] = fixed ? [fixed] : allowedTenants(own) ?? []
  return others.length === 0 && one !== personal ? one : undefined
}

/**
 * https://learn.microsoft.com/en-us/entra/identity-platform/id-token-claims-reference,
 * https://learn.microsoft.com/en-us/entra/identity-platform/optional-claims-reference (xms_edov),
 * https://learn.microsoft.com/en-us/entra/identity-platform/migrate-off-email-claim-authorization
 */
export const microsoft = oidc({
  name: 'Microsoft',
  clientIdExample: '11111111-2222-3333-4444-555555555555',
  issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0',
  tenantClaim: 'tid',
  endpoints: {
    authorizationEndpoint: 'https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize',
    tokenEndpoint: 'https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token',
    jwksUri: 'https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys',
    sendsIssuer: false,
    tokenAuth: 'post',
    idTokenAlgs: ['RS256']
  },
  userinfo: false,
  scopes: ['openid', 'email', 'profile'],
  passedOnAs: { hd: 'domain_hint' },
  selectsAccount: true,
  vouchesFor: ['outlook.com', 'hotmail.com', 'live.com', 'msn.com'],
  vouchesByItself: true,
  variables: {
    TENANT: variable({
      description: 'Who may sign in at all: a tenant id, `organizations`, `consumers` or `common`',
      example: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490',
      default: 'common',
      read: tenant
    }),
    TENANTS: variable({
      description: 'Only these tenants, by id; `consumers` for personal accounts',
      example: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490,consumers',
      otherwise: 'any that `MICROSOFT_TENANT` lets in',
      restricts: true,
      read: value => read.list(value).map(tenant).map(id => id === 'consumers' ? personal : id)
    }),
    EMAIL_DOMAINS: variable({
      description: 'Domains that your one allowed tenant owns: its emails there count as verified, and no others are accepted',
      example: 'example.com',
      otherwise: 'any domain, verified by `xms_edov`',
      restricts: true,
      read: read.domains
    })
  },

  isOneTenant: named => ownTenant(named) !== undefined,

  // An administrator of any tenant can give an account any email (nOAuth). It counts where Microsoft says that the
  // tenant owns the domain, for personal accounts, or where the one allowed tenant's domains are listed by the operator.
  refine (claims, { TENANT, TENANTS, EMAIL_DOMAINS: owned }, _answer, { ISSUER, EMAIL_VERIFIED }) {
    const { tid, iss, xms_edov: domainOwnerVerified, email_verified: flag } = claims
    const allowed = allowedTenants({ TENANT, TENANTS })
    if (typeof tid !== 'string' || (allowed && !allowed.includes(tid))) throw new AuthError('email_not_allowed')
    const named = [ISSUER, iss].map(tenantOf)
    if (named.some(tenant => tenant !== undefined && tenant !== tid)) {
      throw new AuthError('invalid_id_token', { cause: new Error('tid is another tenant than the issuer\'s') })
    }
    const isOwner = [true, 1, '1'].includes(domainOwnerVerified as never)
    const isDenied = EMAIL_VERIFIED === 'always' && ((domainOwnerVerified !== undefined && !isOwner) || (flag !== undefined && flag !== true))
    const isOwn = owned !== undefined && tid === ownTenant({ ISSUER, TENANT, TENANTS })
    return { emailVerified: tid === personal || isOwner || (isOwn && !isDenied), domainVouched: isOwner }
  }
})
