#include "bd_layout.h"
