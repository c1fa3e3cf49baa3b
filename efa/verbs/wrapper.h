#include <infiniband/efadv.h>
#include <infiniband/verbs.h>
