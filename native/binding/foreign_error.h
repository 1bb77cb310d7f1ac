// How a part that only some builds have words the exceptions of its own library where they come up elsewhere, in a
// backward pass for instance.
#pragma once

#include <exception>
#include <optional>

#include "../error.h"

namespace tc {

// Nothing for an exception that is not its own.
inline std::optional<Error> (*foreign_error)(const std::exception& error) = nullptr;

}  // namespace tc
