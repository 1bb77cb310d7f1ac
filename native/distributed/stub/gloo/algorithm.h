// Empty: gloo/context.h says why this is here.
#pragma once
