"""Published models, one file each: citation, parameters with units, and the result that tests reproduce."""

from pkpd_mdr.gallery.bozic2013 import Lesion, bozic2013
from pkpd_mdr.gallery.evans2004 import evans2004
from pkpd_mdr.gallery.friberg2002 import friberg2002
from pkpd_mdr.gallery.greene2019 import greene2019
from pkpd_mdr.gallery.hahnfeldt1999 import hahnfeldt1999
from pkpd_mdr.gallery.kuznetsov1994 import kuznetsov1994
from pkpd_mdr.gallery.mazzocco2015 import mazzocco2015
from pkpd_mdr.gallery.monro2009 import monro2009
from pkpd_mdr.gallery.ostermann2004 import ostermann2004
from pkpd_mdr.gallery.ribba2012 import ribba2012
from pkpd_mdr.gallery.simeoni2004 import simeoni2004
from pkpd_mdr.gallery.strobl2021 import strobl2021

__all__ = [
    "Lesion",
    "bozic2013",
    "evans2004",
    "friberg2002",
    "greene2019",
    "hahnfeldt1999",
    "kuznetsov1994",
    "mazzocco2015",
    "monro2009",
    "ostermann2004",
    "ribba2012",
    "simeoni2004",
    "strobl2021",
]
