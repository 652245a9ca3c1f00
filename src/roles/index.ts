/** Wiring: the roles of a running product. */
export { openProduct, roleNames, type Product, type ProductOptions, type Role } from './product.js';
export { openSite, readToken, sitePaths, type Site, type SitePaths } from './site.js';
