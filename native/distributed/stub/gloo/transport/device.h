// gloo/context.h says why this is here.
#pragma once

#include "gloo/context.h"
