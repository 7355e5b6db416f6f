/// Sums that do not depend on the order of their terms, so that scalars of a whole model are the same for every world size.
package dev.kintsugi.sharding.exact;
