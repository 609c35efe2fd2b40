const place = '{tenantid}'

/** Where an operator may name tenants. */
export interface NamedTenants {
  ISSUER?: string | undefined
  TENANT?: string | undefined
  TENANTS?: string[] | undefined
}

/** The issuer that speaks for one tenant; an issuer without a place for it speaks for itself. */
export function issuerOfTenant (issuer: string, tenant: unknown): string {
  if (!issuer.includes(place)) return issuer
  if (typeof tenant !== 'string' || !/^[\w-]{1,64}$/.test(tenant)) throw new Error('the token names no tenant')
  return issuer.replace(place, tenant)
}

/** Whether an issuer with a place for the tenant is the one that was asked under some tenant's name. */
export function speaksForTenants (issuer: string, asked: string): boolean {
  const [before, after, more] = issuer.split(place)
  if (before === undefined || after === undefined || more !== undefined) return false
  if (!asked.startsWith(before) || !asked.endsWith(after)) return false
  return /^[\w.-]+$/.test(asked.slice(before.length, asked.length - after.length))
}
